/**
 * Reads on, and throws away, what a client is still sending after it was refused. A connection that is closed with unread
 * bytes is reset, and the client would see that instead of the answer. Bounded in bytes and in time.
 */
import type { IncomingMessage } from 'node:http'

const MOST_BYTES = 64 * 1024 * 1024
const MOST_MS = 5000

export async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return
  await new Promise<void>((resolve) => {
    let bytes = 0
    const enough = AbortSignal.timeout(MOST_MS)
    enough.addEventListener('abort', () => resolve())
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MOST_BYTES) resolve()
    })
    for (const event of ['end', 'close', 'error']) request.once(event, () => resolve())
    request.resume()
  })
  request.pause()
}
