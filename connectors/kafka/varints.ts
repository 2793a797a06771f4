/** Reads the zigzag varints of Kafka's records, and the byte strings with these lengths. */

export class Varints {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  skip(count: number): void {
    this.#at += count
  }

  /** 32 bits. */
  int(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new Error('a number in a record does not end')
  }

  /** 64 bits, exact up to 2⁵³. */
  long(): number {
    let value = 0
    for (let place = 1; place < 2 ** 64; place *= 128) {
      const byte = this.#byte()
      value += (byte & 0x7f) * place
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw new Error('a number in a record does not end')
  }

  /** A view of the next string; null if its length is −1. */
  bytes(): Buffer | null {
    const length = this.int()
    return length < 0 ? null : this.rest(this.#at + length)
  }

  /** Everything up to `end`. */
  rest(end: number): Buffer {
    if (end < this.#at || end > this.#bytes.length) throw new Error('a record is truncated')
    const found = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return found
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new Error('a record is truncated')
    this.#at += 1
    return byte
  }
}
