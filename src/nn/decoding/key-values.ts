/**
 * The keys and values of the sequences of one batch, in plain memory that the session reads in place.
 *
 * Each buffer is [rows, keyHeads, capacity, headSize], one for the keys and one for the values of every layer. Sequences lie
 * behind one another without gaps, so that a run over all of them reads one piece of memory: another takes the place of
 * one that ends. The last stays the last: it may still read its prompt.
 */
import { invariant } from '../../platform/errors.ts'
import { ortTensor, type Feeds, type OrtTensor } from '../onnx/session.ts'
import { cacheName, newCacheName, type CachePart, type CacheShape } from './cached-attention.ts'
import { capacityFor, rowsFor } from './cache-sizes.ts'

export type CacheTensors = Readonly<Record<string, OrtTensor>>

export class KeyValues {
  readonly #shape: CacheShape
  #buffers: readonly Float32Array[]
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
    const positions = this.length(sequence) + added
    if (this.#sequences.length > this.#rows || positions > this.#capacity) this.#grow(positions)
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

  remove(sequence: number): void {
    const place = this.place(sequence)
    if (place < 0) return
    this.#lengths.delete(sequence)
    const last = this.#sequences.length - 1
    // The last one stays the last: it may still read its prompt. The one before it takes the free place.
    if (place < last - 1) this.#move(last - 1, place)
    if (place < last) this.#move(last, last - 1)
    this.#sequences.pop()
    if (this.isEmpty) this.#release()
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

  #grow(positions: number): void {
    const { keyHeads, headSize } = this.#shape
    const before = { stride: this.#stride, capacity: this.#capacity }
    const kept = Math.min(this.#rows, this.#sequences.length)
    this.#rows = Math.max(this.#rows, rowsFor(this.#sequences.length))
    this.#capacity = Math.max(this.#capacity, capacityFor(positions))
    const stride = this.#stride
    const [narrow, wide] = [before.capacity * headSize, this.#capacity * headSize]
    this.#buffers = this.#buffers.map((buffer) => {
      const grown = new Float32Array(this.#rows * stride)
      for (let row = 0; row < kept; row += 1)
        for (let head = 0; head < keyHeads; head += 1) {
          const from = row * before.stride + head * narrow
          grown.set(buffer.subarray(from, from + narrow), row * stride + head * wide)
        }
      return grown
    })
    this.#views.clear()
  }

  #release(): void {
    this.#buffers = this.#buffers.map(() => new Float32Array())
    this.#rows = 0
    this.#capacity = 0
    this.#views.clear()
  }
}

/** Keys and values of a layer lie side by side. */
function layerOf(buffer: number): number {
  return Math.floor(buffer / 2)
}

function partOf(buffer: number): CachePart {
  return buffer % 2 === 0 ? 'key' : 'value'
}
