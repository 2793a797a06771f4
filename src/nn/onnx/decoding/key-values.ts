/**
 * The keys and values of the sequences of one batch, in plain memory that the session reads in place.
 *
 * Each buffer is [rows, keyHeads, capacity, headSize], one for the keys and one for the values of every layer. The sequences of a
 * run lie side by side, so that it reads one piece of memory. Rows and capacity are those of the sequences that are
 * there: a sequence that leaves gives its memory back.
 */
import { invariant } from '../../../platform/errors.ts'
import type { CachePart, CacheShape } from '../causal-attention.ts'
import { ortTensor, type Feeds, type OrtTensor } from '../session.ts'
import { cacheName, newCacheName, capacityFor, rowsFor } from './cached-attention.ts'

export type CacheTensors = Readonly<Record<string, OrtTensor>>

/** Some positions of a text: [positions, headSize] for each head of each buffer, in order. */
export type PositionBlock = readonly Float32Array[]

export class KeyValues {
  readonly #shape: CacheShape
  readonly #buffers: Float32Array[]
  /** Sequences in order of their places. */
  readonly #sequences: number[] = []
  readonly #lengths = new Map<number, number>()
  #rows = 0
  #capacity = 0
  /** Until the buffers are replaced. */
  readonly #views = new Map<string, CacheTensors>()

  constructor(shape: CacheShape) {
    this.#shape = shape
    this.#buffers = Array.from({ length: shape.layers * 2 }, () => new Float32Array())
  }

  get bytes(): number {
    return this.#buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  get positionBytes(): number {
    const { layers, keyHeads, headSize } = this.#shape
    return layers * 2 * keyHeads * headSize * Float32Array.BYTES_PER_ELEMENT
  }

  get isEmpty(): boolean {
    return this.#sequences.length === 0
  }

  /** Positions that it has; a sequence that is not there has none. */
  length(sequence: number): number {
    return this.#lengths.get(sequence) ?? 0
  }

  place(sequence: number): number {
    return this.#sequences.indexOf(sequence)
  }

  /** Makes room for `added` more positions of a sequence, which is added behind the others if it is new. */
  reserve(sequence: number, added: number): void {
    if (!this.#lengths.has(sequence)) {
      this.#lengths.set(sequence, 0)
      this.#sequences.push(sequence)
    }
    const capacity = capacityFor(this.length(sequence) + added)
    this.#fit(Math.max(this.#capacity, capacity))
  }

  /** Moves these sequences side by side if they are not; returns the first place. */
  gather(sequences: readonly number[]): number {
    const places = sequences.map((sequence) => this.place(sequence)).sort((a, b) => a - b)
    const [first = 0] = places
    if (places.every((place, at) => place === first + at)) return first
    const free = places.map((_, at) => at).filter((at) => !places.includes(at))
    for (const place of places) if (place >= places.length) this.#swap(place, free.pop() ?? 0)
    return 0
  }

  /** The new keys and values that a run over `count` sequences from a place on has made, [count, added, keyHeads · headSize]. */
  write(from: number, count: number, made: Feeds): void {
    const { keyHeads, headSize } = this.#shape
    const width = keyHeads * headSize
    let added = 0
    for (const [at, buffer] of this.#buffers.entries()) {
      const data = made[newCacheName(layerOf(at), partOf(at))]?.data
      invariant(data instanceof Float32Array, 'a step without new keys')
      added = data.length / width / count
      for (let row = 0; row < count; row += 1) {
        const length = this.length(this.#sequences[from + row] ?? 0)
        for (let step = 0; step < added; step += 1)
          for (let head = 0; head < keyHeads; head += 1) {
            const read = (row * added + step) * width + head * headSize
            const to = ((from + row) * keyHeads + head) * this.#capacity + length + step
            buffer.set(data.subarray(read, read + headSize), to * headSize)
          }
      }
    }
    for (const sequence of this.#sequences.slice(from, from + count))
      this.#lengths.set(sequence, this.length(sequence) + added)
  }

  /** A copy of what it has from one position to another. */
  read(sequence: number, from: number, to: number): PositionBlock {
    return this.#heads(sequence).map((head) => head(from, to).slice())
  }

  /** The first `count` positions of a block, behind those that it has, in room that was reserved. */
  append(sequence: number, block: PositionBlock, count: number): void {
    const { headSize } = this.#shape
    const length = this.length(sequence)
    for (const [at, head] of this.#heads(sequence).entries())
      head(length, length + count).set(block[at]?.subarray(0, count * headSize) ?? [])
    this.#lengths.set(sequence, length + count)
  }

  /** The memory of a sequence between two positions, of each head of each buffer. */
  #heads(sequence: number): readonly ((from: number, to: number) => Float32Array)[] {
    const { keyHeads, headSize } = this.#shape
    const place = this.place(sequence)
    return this.#buffers.flatMap((buffer) =>
      Array.from({ length: keyHeads }, (_, head) => {
        const start = (place * keyHeads + head) * this.#capacity
        return (from: number, to: number) =>
          buffer.subarray((start + from) * headSize, (start + to) * headSize)
      }),
    )
  }

  remove(sequence: number): void {
    const place = this.place(sequence)
    if (place < 0) return
    this.#lengths.delete(sequence)
    const last = this.#sequences.length - 1
    if (place < last) this.#move(last, place)
    this.#sequences.pop()
    this.#fit(capacityFor(Math.max(0, ...this.#lengths.values())))
  }

  /** The feeds of `count` sequences, from a place on. */
  view(from: number, count: number): CacheTensors {
    const name = `${from}/${count}`
    const view = this.#views.get(name) ?? this.#viewOf(from, count)
    this.#views.set(name, view)
    return view
  }

  #viewOf(from: number, count: number): CacheTensors {
    const { keyHeads, headSize } = this.#shape
    const shape = [count, keyHeads, this.#capacity, headSize]
    const view: Record<string, OrtTensor> = {}
    for (const [at, buffer] of this.#buffers.entries()) {
      const data = buffer.subarray(from * this.#stride, (from + count) * this.#stride)
      view[cacheName(layerOf(at), partOf(at))] = ortTensor({ shape, data })
    }
    return view
  }

  get #stride(): number {
    const { keyHeads, headSize } = this.#shape
    return keyHeads * this.#capacity * headSize
  }

  #move(from: number, to: number): void {
    const stride = this.#stride
    this.#sequences[to] = this.#sequences[from] ?? 0
    for (const buffer of this.#buffers)
      buffer.copyWithin(to * stride, from * stride, (from + 1) * stride)
  }

  #swap(one: number, other: number): void {
    const [sequence = 0, stride] = [this.#sequences[one], this.#stride]
    const rows = this.#buffers.map((buffer) => buffer.slice(one * stride, (one + 1) * stride))
    this.#move(other, one)
    this.#sequences[other] = sequence
    for (const [at, row] of rows.entries()) this.#buffers[at]?.set(row, other * stride)
  }

  /** Gives the buffers this capacity, and the rows that the sequences need. */
  #fit(capacity: number): void {
    const { keyHeads, headSize } = this.#shape
    const before = { rows: this.#rows, stride: this.#stride, capacity: this.#capacity }
    this.#rows = rowsFor(this.#sequences.length)
    this.#capacity = capacity
    if (this.#rows === before.rows && this.#capacity === before.capacity) return
    this.#views.clear()
    const stride = this.#stride
    const kept = Math.min(this.#rows, before.rows)
    const [from, to] = [before.capacity * headSize, this.#capacity * headSize]
    const copied = Math.min(from, to)
    for (const [at, buffer] of this.#buffers.entries()) {
      const fitted = new Float32Array(this.#rows * stride)
      for (let row = 0; row < kept; row += 1)
        for (let head = 0; head < keyHeads; head += 1) {
          const start = row * before.stride + head * from
          fitted.set(buffer.subarray(start, start + copied), row * stride + head * to)
        }
      // One after the other, so that only one of them is there twice.
      this.#buffers[at] = fitted
    }
  }
}

/** Keys and values of a layer lie side by side. */
function layerOf(buffer: number): number {
  return Math.floor(buffer / 2)
}

function partOf(buffer: number): CachePart {
  return buffer % 2 === 0 ? 'key' : 'value'
}
