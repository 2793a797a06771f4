/**
 * Loaded into a server before its program (`node --import`): the longest that its event loop was held up, in CPU time of
 * the main thread, which a busy machine does not stretch as it stretches time on the clock. Linux only.
 *
 * A timer that should fire every 2 ms reads how long the thread has run. SIGUSR2 writes the largest step since the last one to
 * the file that LOOP_CPU_FILE names.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

if (isMainThread && process.argv.includes('serve')) {
  const statistics = `/proc/${process.pid}/task/${process.pid}/schedstat`
  const ranMs = () => Number(readFileSync(statistics, 'utf8').split(' ')[0]) / 1e6
  let last = ranMs()
  let longest = 0
  let written = 0
  setInterval(() => {
    const now = ranMs()
    longest = Math.max(longest, now - last)
    last = now
  }, 2).unref()
  process.on('SIGUSR2', () => {
    written += 1
    writeFileSync(process.env.LOOP_CPU_FILE, JSON.stringify({ written, longestMs: longest }))
    last = ranMs()
    longest = 0
  })
}
