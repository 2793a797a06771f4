/** Where a file would continue from a place that a person gives, and what that skips. */
import { CodedError } from '../../src/contracts/core.ts'
import type { LocatedRange } from '../../src/contracts/source.ts'
import type { FollowedFile } from './followed.ts'
import { countLines } from './lines.ts'
import { placeOf, placeText, printOf } from './place.ts'

const CHUNK_BYTES = 1024 * 1024

/** `to`: `start`, `end`, or the byte at which a line begins. The file is open. */
export async function locate(
  to: string,
  from: string | undefined,
  file: FollowedFile,
): Promise<LocatedRange> {
  const offset = await offsetOf(to, file)
  const before = placeOf(from ?? '0', file.path)
  const isOther = !(await file.has(before))
  const read = isOther ? 0 : before.offset
  const { head, tail } = await file.around(offset)
  return {
    partition: '0',
    from: from ?? null,
    to: placeText({ offset, print: printOf(head, tail) }),
    skipped: await linesBetween(read, offset, file),
    again: await linesBetween(offset, read, file),
    gone: isOther ? null : 0,
  }
}

async function offsetOf(to: string, file: FollowedFile): Promise<number> {
  if (to === 'start') return 0
  if (to === 'end') return file.lastLineEnd()
  const offset = Number(to)
  if (/^\d{1,16}$/.test(to) && (await file.has({ offset }))) return offset
  const message = `no line of ${file.path} begins at ${to}: give start, end, or the byte offset of a line`
  throw new CodedError('USAGE', message)
}

async function linesBetween(from: number, to: number, file: FollowedFile): Promise<number> {
  let lines = 0
  let isOpen = false
  for (let at = from; at < to; at += CHUNK_BYTES) {
    const bytes = await file.bytesAt(at, Math.min(CHUNK_BYTES, to - at))
    lines += countLines(bytes, isOpen)
    isOpen = bytes.length > 0 && bytes.at(-1) !== 10
  }
  return lines
}
