/**
 * Reads and discards what a client is still sending after it was refused. Closing a connection with unread bytes resets
 * it, and the client would see the reset instead of the answer. Bounded in bytes and in time.
 */
import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../contracts/core.ts'

const MOST_BYTES = 64 * 1024 * 1024
const MOST_MS = 5000

export async function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  if (request.complete || request.destroyed) return
  const done = new AbortController()
  const finish = () => done.abort()
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_BYTES) finish()
  })
  for (const event of ['end', 'close', 'error']) request.once(event, finish)
  request.resume()
  await clock.sleep(MOST_MS, done.signal).catch(() => undefined)
  request.pause()
}
