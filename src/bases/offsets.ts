/**
 * Which characters of a text its tokens stand for, found from the tokens alone, so that one rule holds for every tokenizer: in
 * order, their bytes are those of the normalised text, but for spaces.
 *
 * The normalised text is taken unit by unit, where a unit is the fewest characters that are normalised by themselves: `é` of two
 * characters is one, and so is a syllable of Hangul.
 */

/** A token of the text; no bytes: it stands for what has no token. */
export type PieceBytes = Uint8Array | undefined

export interface OffsetRules {
  readonly normalise: (text: string) => string
  /** What has no token is a whole word (WordPiece), and not only the characters of it that have none. */
  readonly hidesWords: boolean
}

interface Unit {
  /** In the text, in UTF-16 units. */
  readonly from: number
  to: number
  /** Its bytes begin here; they end where those of the next begin. */
  readonly at: number
  readonly kind: 'space' | 'single' | 'letter' | 'nothing'
}

/** [start, end) of each token in the text, one after the other. A token of spaces alone has no characters. */
export function offsetsOf(
  text: string,
  pieces: readonly PieceBytes[],
  rules: OffsetRules,
): Int32Array {
  const reader = new UnitReader(text, rules)
  const offsets = new Int32Array(2 * pieces.length)
  for (const [at, piece] of pieces.entries()) {
    const range = piece ? reader.take(piece) : reader.takeUnknown(pieces[at + 1])
    offsets.set(range, 2 * at)
  }
  return offsets
}

type Range = readonly [start: number, end: number]

class UnitReader {
  readonly #bytes: Uint8Array
  readonly #units: readonly Unit[]
  readonly #hidesWords: boolean
  readonly #places = new Map<Kinds, Int32Array>()
  /** The next byte, and the unit that it is of. */
  #at = 0
  #unit = 0

  constructor(text: string, { normalise, hidesWords }: OffsetRules) {
    const { bytes, units } = unitsOf(text, normalise)
    this.#bytes = bytes
    this.#units = units
    this.#hidesWords = hidesWords
  }

  take(piece: Uint8Array): Range {
    const bare = bareOf(piece)
    if (bare.length === 0) return this.#nothing()
    this.#skip(REMOVED)
    if (!this.#matches(bare)) this.#skip(SILENT)
    if (!this.#matches(bare) && !this.#seek(bare)) return this.#nothing()
    const first = this.#units[this.#unit]
    this.#at += bare.length
    while (this.#endOf(this.#unit) < this.#at) this.#unit += 1
    const last = this.#units[this.#unit]
    // Its other bytes are of the next token.
    if (this.#endOf(this.#unit) === this.#at) this.#unit += 1
    if (first === undefined || last === undefined || first.kind === 'space') return this.#nothing()
    return [first.from, last.to]
  }

  takeUnknown(next: PieceBytes): Range {
    this.#skip(SILENT)
    const first = this.#units[this.#unit]
    // It may be a space itself that has no token, such as the end of a line.
    const isSpace = !this.#hidesWords && next !== undefined && this.#matches(bareOf(next))
    if (first === undefined || isSpace) return this.#nothing()
    let { to } = first
    this.#move(this.#unit + 1)
    while (this.#goesOn(first, next)) {
      const unit = this.#units[this.#unit]
      if (unit?.kind !== 'space') to = unit?.to ?? to
      this.#move(this.#unit + 1)
    }
    return [first.from, to]
  }

  /** Whether the unit here has no token either. */
  #goesOn(first: Unit, next: PieceBytes): boolean {
    const unit = this.#units[this.#unit]
    if (unit === undefined) return false
    if (this.#hidesWords)
      return first.kind === 'letter' && this.#following(REMOVED)?.kind === 'letter'
    return next !== undefined && !this.#matches(bareOf(next), this.#following(SILENT)?.at)
  }

  #following(kinds: Kinds): Unit | undefined {
    return this.#units[this.#beyond(kinds, this.#unit)]
  }

  #nothing(): Range {
    const place = this.#units[this.#unit]?.from ?? this.#units.at(-1)?.to ?? 0
    return [place, place]
  }

  #matches(piece: Uint8Array, at = this.#at): boolean {
    return piece.every((byte, place) => this.#bytes[at + place] === byte)
  }

  #skip(kinds: Kinds): void {
    const beyond = this.#beyond(kinds, this.#unit)
    // It may be in the middle of a unit.
    if (beyond > this.#unit) this.#move(beyond)
  }

  /** The place of the first unit from `at` on that is none of these; found once for all units, because marks may be thousands. */
  #beyond(kinds: Kinds, at: number): number {
    const places = this.#places.get(kinds) ?? this.#placesBeyond(kinds)
    return places[at] ?? this.#units.length
  }

  #placesBeyond(kinds: Kinds): Int32Array {
    const places = new Int32Array(this.#units.length)
    let beyond = this.#units.length
    for (let at = places.length - 1; at >= 0; at -= 1) {
      if (!kinds.includes(this.#units[at]?.kind ?? 'letter')) beyond = at
      places[at] = beyond
    }
    this.#places.set(kinds, places)
    return places
  }

  /** Past what was normalised otherwise, such as a control token that a user wrote. */
  #seek(piece: Uint8Array): boolean {
    for (let unit = this.#unit + 1; unit <= this.#unit + MOST_SOUGHT; unit += 1) {
      if (!this.#matches(piece, this.#units[unit]?.at)) continue
      this.#move(unit)
      return true
    }
    return false
  }

  #move(unit: number): void {
    this.#unit = unit
    this.#at = this.#units[unit]?.at ?? this.#bytes.length
  }

  #endOf(unit: number): number {
    return this.#units[unit + 1]?.at ?? (unit < this.#units.length ? this.#bytes.length : Infinity)
  }
}

type Kinds = readonly Unit['kind'][]

/** What no token stands for, and what normalising removes. */
const SILENT: Kinds = ['space', 'nothing']
const REMOVED: Kinds = ['nothing']
const MOST_SOUGHT = 64

/** Without spaces around it: a tokenizer may have put them there. */
function bareOf(piece: Uint8Array): Uint8Array {
  const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
  let [start, end] = [0, piece.length]
  while (start < end && isSpace(piece[start] ?? 0)) start += 1
  while (end > start && isSpace(piece[end - 1] ?? 0)) end -= 1
  return piece.subarray(start, end)
}

function unitsOf(text: string, normalise: OffsetRules['normalise']) {
  const parts = separable(text, normalise)
  const bare = parts.map(({ written }) => written.trim())
  // What is normalised otherwise in a whole word, such as a final sigma, has the same length there.
  const whole = spaced(normalise(text)).replaceAll(/\s/gu, '')
  const isAsLong = whole.length === bare.reduce((sum, { length }) => sum + length, 0)
  const bytes: number[] = []
  let read = 0
  const units = parts.map(({ from, to, written }, at): Unit => {
    const { length } = bare[at] ?? ''
    const own = length > 0 && isAsLong ? whole.slice(read, read + length) : written
    read += length
    const unit: Unit = { from, to, at: bytes.length, kind: kindOf(written) }
    bytes.push(...encoder.encode(length > 0 ? own.trim() : written))
    return unit
  })
  // A mark that normalising removes belongs to its letter.
  for (const [at, unit] of units.entries()) {
    const next = units[at + 1]
    if (next?.kind === 'nothing' && /^\p{M}/u.test(text.slice(next.from))) unit.to = next.to
  }
  return { bytes: Uint8Array.from(bytes), units }
}

const encoder = new TextEncoder()

/** Of a piece of SentencePiece. */
export function pieceBytes(piece: string): Uint8Array {
  return encoder.encode(spaced(piece))
}

/** SentencePiece writes ▁ for a space. */
const spaced = (text: string) => text.replaceAll('▁', ' ')

/** The smallest parts of the text that are normalised by themselves. */
function separable(text: string, normalise: OffsetRules['normalise']) {
  const write = (part: string) => spaced(normalise(part))
  const same = (one: string, other: string) =>
    one.replaceAll(/\s/gu, '') === other.replaceAll(/\s/gu, '')
  const parts: { readonly from: number; to: number; written: string }[] = []
  let from = 0
  for (const character of text) {
    const to = from + character.length
    const written = write(character)
    const last = parts.at(-1)
    const joint = last && (isAscii(character) ? undefined : write(text.slice(last.from, to)))
    if (last === undefined || joint === undefined || same(joint, last.written + written))
      parts.push({ from, to, written })
    else {
      last.to = to
      last.written = joint
    }
    from = to
  }
  return parts
}

function isAscii(character: string): boolean {
  return character < '\u0080'
}

/** As BERT cuts words: punctuation and what its normaliser sets apart are words by themselves. */
function kindOf(written: string): Unit['kind'] {
  if (written === '') return 'nothing'
  const bare = written.trim()
  if (bare === '') return 'space'
  const isApart = written !== bare || /^[\p{P}$+<=>^`|~]$/u.test(bare)
  return isApart ? 'single' : 'letter'
}
