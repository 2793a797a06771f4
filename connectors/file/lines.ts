/**
 * Cuts growing bytes into lines. A line's offset is the position of its first byte in the file. A line longer than the
 * limit is returned once, as its first `limitBytes` + 1 bytes, so that intake can refuse it and show its beginning.
 */
export interface Line {
  readonly offset: number
  /** Where the next line begins. */
  readonly next: number
  readonly bytes: Uint8Array
}

export const newline = 10
const carriageReturn = 13

export class Lines {
  readonly #limitBytes: number
  /** Offset of the incomplete line, its length so far, and its first bytes. */
  #start: number
  #length = 0
  #head: Buffer[] = []
  #headBytes = 0

  constructor(start: number, limitBytes: number) {
    this.#start = start
    this.#limitBytes = limitBytes
  }

  /** Where the incomplete line begins. */
  get start(): number {
    return this.#start
  }

  /** Whether part of that line has arrived. */
  get isOpen(): boolean {
    return this.#length > 0
  }

  /** Offset of the first byte that has not been pushed yet. */
  get end(): number {
    return this.#start + this.#length
  }

  /** Lines that `chunk` completes; blank ones are skipped. */
  push(chunk: Buffer): readonly Line[] {
    const lines: Line[] = []
    let from = 0
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, at))
      const line = this.#finish()
      if (line.bytes.length > 0) lines.push(line)
      from = at + 1
    }
    this.#keep(chunk.subarray(from))
    return lines
  }

  #keep(part: Buffer): void {
    this.#length += part.length
    const room = this.#limitBytes + 1 - this.#headBytes
    if (room <= 0 || part.length === 0) return
    const kept = Buffer.from(part.subarray(0, room))
    this.#head.push(kept)
    this.#headBytes += kept.length
  }

  #finish(): Line {
    const bytes = Buffer.concat(this.#head)
    const next = this.#start + this.#length + 1
    const line = { offset: this.#start, next, bytes: withoutReturn(bytes) }
    this.#start = next
    this.#length = 0
    this.#head = []
    this.#headBytes = 0
    return line
  }
}

/** The number of line ends in `bytes`, not counting blank lines; `isOpen` says that a line has begun before. */
export function countLines(bytes: Buffer, isOpen: boolean): number {
  let lines = 0
  let inLine = isOpen
  for (const byte of bytes) {
    if (byte === newline && inLine) lines += 1
    if (byte !== carriageReturn) inLine = byte !== newline
  }
  return lines
}

function withoutReturn(bytes: Buffer): Uint8Array {
  return bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes
}
