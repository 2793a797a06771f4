/** The lines of a file from a place backwards, read in pieces: the newest page of a long file costs one of them. */
import { open } from 'node:fs/promises'
import { ifThere } from './segments.ts'

export interface LineAt {
  readonly text: string
  /** The place of its first byte. */
  readonly start: number
}

const PIECE_BYTES = 64 * 1024
const LINE_FEED = 0x0a

/** `end`: where a line begins, or the end of the file. None of a file that was just removed. */
export async function* linesBefore(path: string, end: number): AsyncGenerator<LineAt> {
  const file = await ifThere(open(path, 'r'))
  if (file === undefined) return
  try {
    let [at, bytes] = [end, Buffer.alloc(0)]
    while (at > 0) {
      const from = Math.max(0, at - PIECE_BYTES)
      const piece = Buffer.alloc(at - from)
      await file.read(piece, 0, piece.length, from)
      at = from
      bytes = Buffer.concat([piece, bytes])
      let stop = bytes.length
      // The first line of the piece may begin in the piece before it.
      for (;;) {
        const feed = stop === 0 ? -1 : bytes.lastIndexOf(LINE_FEED, stop - 1)
        if (feed < 0) break
        if (feed + 1 < stop)
          yield { text: bytes.toString('utf8', feed + 1, stop), start: from + feed + 1 }
        stop = feed
      }
      bytes = bytes.subarray(0, stop)
    }
    if (bytes.length > 0) yield { text: bytes.toString('utf8'), start: 0 }
  } finally {
    await file.close()
  }
}
