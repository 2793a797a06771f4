/** Reads how long the event loop of a measured daemon was held up, in CPU time (loop-cpu.mjs) and in time on the clock. */
import { existsSync, readFileSync } from 'node:fs'
import { wait } from './daemon.mjs'

/** `file` is where the daemon writes; only a daemon that is started inside `during` can be asked. */
export function watchLoop(file) {
  let asked = 0
  return {
    async during(start) {
      process.env.LOOP_CPU_FILE = file
      process.env.NODE_OPTIONS = `--import=${new URL('./loop-cpu.mjs', import.meta.url).href}`
      try {
        return await start()
      } finally {
        delete process.env.NODE_OPTIONS
      }
    },
    /** Since it was last asked. */
    async longestCpuMs({ pid }) {
      asked += 1
      process.kill(pid, 'SIGUSR2')
      for (;;) {
        const { written, longestMs } = existsSync(file) ? parsed(readFileSync(file, 'utf8')) : {}
        if (written === asked) return longestMs
        await wait(5)
      }
    },
    /** Since the metrics were last read. */
    async longestDelayMs({ http }) {
      const { body } = await http.get('/metrics')
      return 1000 * Number(/event_loop_delay_seconds\{quantile="1"\} (\S+)/.exec(body)?.[1])
    },
  }
}

/** The daemon may be in the middle of its write. */
function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
