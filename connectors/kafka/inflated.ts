/** The output of a decoder: grows as it is written, never over its limit, and can be copied from, as LZ77 codecs do. */

export class TooLarge extends Error {
  constructor(limitBytes: number) {
    super(`it decompresses to more than ${limitBytes} bytes`)
    this.name = 'TooLarge'
  }
}

const LEAST_BYTES = 4096

export class InflatedBytes {
  readonly limitBytes: number
  #buffer: Buffer
  #length = 0

  constructor(limitBytes: number, expectedBytes: number) {
    this.limitBytes = limitBytes
    this.#buffer = Buffer.allocUnsafe(Math.min(limitBytes, Math.max(LEAST_BYTES, expectedBytes)))
  }

  get length(): number {
    return this.#length
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** The whole output at once, produced elsewhere under the same limit. */
  adopt(bytes: Buffer): void {
    this.#buffer = bytes
    this.#length = bytes.length
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.#buffer.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /**
   * Copies `count` bytes from `distance` before the end. Source and target may overlap: that is how runs are written.
   */
  repeat(distance: number, count: number, begin = 0): void {
    const from = this.#length - distance
    if (distance < 1 || from < begin) throw new Error('a copy from before the beginning')
    this.reserve(count)
    if (distance >= count) this.#buffer.copyWithin(this.#length, from, from + count)
    else this.#repeatOverlapping(from, distance, count)
    this.#length += count
  }

  reserve(count: number): void {
    const needed = this.#length + count
    if (needed > this.limitBytes) throw new TooLarge(this.limitBytes)
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(
      Math.min(this.limitBytes, Math.max(needed, this.#buffer.length * 2)),
    )
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }

  /** Doubles the copied part, so that a long run needs few copies. */
  #repeatOverlapping(from: number, distance: number, count: number): void {
    const to = this.#length
    let done = 0
    for (let size = distance; done < count; size *= 2) {
      const part = Math.min(size, count - done)
      this.#buffer.copyWithin(to + done, from, from + part)
      done += part
    }
  }
}
