/**
 * Cuts a document into parts that a base reads whole, in order. A part ends where a paragraph, a sentence or at least a word ends, if
 * one does near its end; unless a paragraph ends there, the next part begins a little earlier, so that what stands around the cut
 * stands whole in one of them.
 */
import type { EncodedRow } from '../../contracts/network.ts'
import { isVisible } from '../../platform/visible-text.ts'

/** Its place is in UTF-16 units. */
export interface DocumentPart {
  readonly from: number
  readonly to: number
  readonly row: EncodedRow
}

/** Characters that a token of prose has, at first. */
const CHARACTERS = 4
/** The last quarter of a part is searched for an end, and an eighth of it may stand in the next one too. */
const SEARCHED = 4
const REPEATED = 8
const PARAGRAPH = /\n[^\S\n]*\n/g
const ENDS_PARAGRAPH = /\n[^\S\n]*\n$/
const SENTENCE = /[.!?。！？]["')\]]*\s/g
/** A character is never cut. */
const SHORTEST = 2
/** What is tried after a part was too long for the base. */
const SHRINK = 0.9

/** `encode` says with `dropped` that it could not read all. */
export function* partsOf(
  text: string,
  maxTokens: number,
  encode: (part: string) => EncodedRow,
): Generator<DocumentPart, void> {
  // A base may have fewer positions.
  let room = maxTokens
  let size = CHARACTERS * room
  for (let from = 0; from < text.length;) {
    let [to, row] = [from, undefined as EncodedRow | undefined]
    for (let most = size; ;) {
      to = endOf(text, from, Math.max(1, Math.floor(most)))
      const part = text.slice(from, to)
      row = isVisible(part) ? encode(part) : undefined
      if (row?.dropped === undefined || to - from <= SHORTEST) break
      const read = tokensIn(row) ?? row.dropped
      room = Math.min(room, read)
      most = ((to - from) * SHRINK * read) / (read + row.dropped)
    }
    if (row !== undefined) yield { from, to, row }
    const tokens = row === undefined ? undefined : tokensIn(row)
    // The next part is as dense as this one, as far as that is known.
    if (tokens !== undefined) size = ((to - from) * SHRINK * room) / Math.max(1, tokens)
    from = to === text.length ? to : nextFrom(text, from, to)
  }
}

/** Unknown of the vector of a text that does not say it. */
function tokensIn({ data, kept }: EncodedRow): number | undefined {
  return kept ?? (data instanceof Int32Array ? data.length : undefined)
}

/** After `from`, and at most `most` units behind it, unless that would cut a character in two. */
function endOf(text: string, from: number, most: number): number {
  const limit = from + most
  if (limit >= text.length) return text.length
  const searched = text.slice(limit - Math.floor(most / SEARCHED), limit)
  const begins = limit - searched.length
  for (const end of [PARAGRAPH, SENTENCE, /\s/g]) {
    const last = [...searched.matchAll(end)].at(-1)
    if (last !== undefined) return begins + last.index + last[0].length
  }
  return isInCharacter(text, limit) ? limit + 1 : limit
}

function nextFrom(text: string, from: number, to: number): number {
  if (ENDS_PARAGRAPH.test(text.slice(Math.max(from, to - 64), to))) return to
  const repeated = text.slice(to - Math.floor((to - from) / REPEATED), to)
  const word = /\s\S/.exec(repeated)
  return word === null ? to : to - repeated.length + word.index + 1
}

function isInCharacter(text: string, at: number): boolean {
  return /[\ud800-\udbff][\udc00-\udfff]/.test(text.slice(at - 1, at + 1))
}
