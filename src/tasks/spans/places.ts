/**
 * Where spans lie: in characters of a text, as people count them (Unicode code points), and on the positions of its row, as
 * a network does. JavaScript and `Base.offsets` count UTF-16 units: a character beyond U+FFFF has two.
 *
 * A span covers each token that has one of its characters. Blanks at its ends are left out.
 */
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import { isOf } from '../../contracts/payload.ts'
import { text as textKind } from '../../payloads/inputs/text.ts'
import { placeOf, type NamedSpan } from '../../payloads/signals/spans.ts'
import { failure } from '../../platform/errors.ts'

/** Its place in a text, in characters, and on the positions of the text's row. */
export interface Place {
  readonly start: number
  readonly end: number
  readonly from: number
  readonly to: number
  /** The tokens have characters beyond it: no answer can be exactly this span. */
  readonly isWide?: true
}

/** A text and the characters of each position of its row. */
export interface PlacedText {
  readonly text: string
  /** [start, end) of each position in UTF-16 units. */
  readonly offsets: Int32Array
  /** Its row ends before the text does. */
  readonly isCut: boolean
}

export function placedText(input: Input | undefined, row: EncodedRow): PlacedText {
  if (input === undefined || !isOf(input, textKind) || row.offsets === undefined)
    throw failure('INPUT_WRONG_KIND', 'spans lie in a text, and the base says where its tokens do')
  return { text: input.text, offsets: row.offsets, isCut: row.dropped !== undefined }
}

/** Characters ↔ UTF-16 units of one text. */
export class Characters {
  readonly #text: string
  /** The unit of each character, and the end; undefined: each character is one unit. */
  readonly #units: Int32Array | undefined

  constructor(text: string) {
    this.#text = text
    if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return
    const units = [0]
    for (const character of text) units.push((units.at(-1) ?? 0) + character.length)
    this.#units = Int32Array.from(units)
  }

  get count(): number {
    return this.#units === undefined ? this.#text.length : this.#units.length - 1
  }

  unitAt(character: number): number {
    return this.#units?.[character] ?? character
  }

  /** Of a unit that begins a character. */
  characterAt(unit: number): number {
    const units = this.#units
    if (units === undefined) return unit
    let [low, high] = [0, units.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((units[middle] ?? 0) < unit) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Throws a coded error for a span that does not lie in the text, or is not the piece that it says. */
export function checkInside(spans: readonly NamedSpan[], text: string): void {
  const characters = new Characters(text)
  for (const span of spans) {
    const { count } = characters
    if (span.end > count)
      throw outside(span, `${placeOf(span)} lies outside the text, which has ${count} characters`)
    const piece = text.slice(characters.unitAt(span.start), characters.unitAt(span.end))
    if (span.text !== undefined && span.text !== piece)
      throw outside(span, `${placeOf(span)} is ${quoted(piece)}, not ${quoted(span.text)}`)
    if (piece.trim() === '') throw outside(span, `${placeOf(span)} has no visible character`)
  }
}

/** In the order of the spans; they do not overlap, and come in the order of the text. */
export function placesOf(spans: readonly NamedSpan[], placed: PlacedText): readonly Place[] {
  checkInside(spans, placed.text)
  const characters = new Characters(placed.text)
  const places = spans.map((span) => placeIn(span, characters, placed))
  for (const [at, place] of places.entries()) {
    const before = places[at - 1]
    if (before !== undefined && place.from < before.to)
      throw outside(
        place,
        `${placeOf(before)} and ${placeOf(place)} share a token of the base, which has one label`,
      )
  }
  return places
}

function placeIn(span: NamedSpan, characters: Characters, placed: PlacedText): Place {
  const { text, offsets, isCut } = placed
  const [first, last] = [characters.unitAt(span.start), characters.unitAt(span.end)]
  const piece = text.slice(first, last)
  const begin = first + piece.length - piece.trimStart().length
  const end = last - (piece.length - piece.trimEnd().length)
  const read = endOf(offsets)
  if (isCut && end > read) throw beyondCut(span, characters.characterAt(read))
  let [from, to] = [-1, -1]
  for (let at = 0; 2 * at < offsets.length; at += 1) {
    const [start = 0, stop = 0] = offsets.subarray(2 * at, 2 * at + 2)
    if (stop <= start || stop <= begin || start >= end) continue
    if (from < 0) from = at
    to = at + 1
  }
  if (from < 0) throw outside(span, `${placeOf(span)} has no token of the base: ${quoted(piece)}`)
  const isWide = offsets[2 * from] !== begin || offsets[2 * to - 1] !== end
  return {
    start: characters.characterAt(begin),
    end: characters.characterAt(end),
    from,
    to,
    ...(isWide && { isWide }),
  }
}

/** The end of the last token that has characters: a marker may lie behind all of the text. */
function endOf(offsets: Int32Array): number {
  let end = 0
  for (let at = 0; at < offsets.length; at += 2) {
    const [start = 0, stop = 0] = offsets.subarray(at, at + 2)
    if (stop > start) end = Math.max(end, stop)
  }
  return end
}

/** The characters of positions [from, to); undefined if they have none. */
export function pieceAt(
  { from, to }: Pick<Place, 'from' | 'to'>,
  { text, offsets }: PlacedText,
  characters: Characters,
): { readonly start: number; readonly end: number; readonly text: string } | undefined {
  let [begin, end] = [Infinity, -1]
  for (let at = from; at < to; at += 1) {
    const [start = 0, stop = 0] = offsets.subarray(2 * at, 2 * at + 2)
    if (stop <= start) continue
    begin = Math.min(begin, start)
    end = Math.max(end, stop)
  }
  if (end < 0) return undefined
  return {
    start: characters.characterAt(begin),
    end: characters.characterAt(end),
    text: text.slice(begin, end),
  }
}

function outside(span: Pick<NamedSpan, 'start' | 'end'>, message: string): Error {
  const { start, end } = span
  return failure('SPANS_OUTSIDE', message, { details: { start, end } })
}

function beyondCut({ start, end }: NamedSpan, characters: number): Error {
  const message = `${placeOf({ start, end })} lies beyond what the base reads of this text: its first ${characters} characters`
  return failure('SPANS_CUT', message, { details: { start, end, characters } })
}

const QUOTED = 40

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text)
}
