/** Tensors of several adapters, one behind the other, as one tensor a name that a session reads. */
import { invariant } from '../../platform/errors.ts'
import { shapesOf } from './shapes.ts'
import { ortTensor, type FeedTensor, type Feeds, type OrtTensor } from './session.ts'

export type Stack = Readonly<Record<string, OrtTensor>>

/** Places for adapters of equal shapes. It doubles when it is full, and never shrinks. */
export class AdapterStack {
  readonly shapes: string
  /** The most adapters it takes. */
  readonly most: number
  readonly #names: readonly string[]
  readonly #shapeOf: ReadonlyMap<string, readonly number[]>
  #data: ReadonlyMap<string, Float32Array> = new Map()
  #capacity = 0
  #free: number[] = []
  /** The session reads the memory behind them, so that an adapter that is put later is in them too. */
  #tensors: Stack = {}

  constructor(example: Feeds, bytes: number) {
    this.shapes = shapesOf(example)
    this.#names = Object.keys(example)
    this.#shapeOf = new Map(this.#names.map((name) => [name, tensorIn(example, name).shape]))
    const each = this.#names.reduce((sum, name) => sum + this.#lengthOf(name) * 4, 0)
    this.most = Math.max(1, Math.floor(bytes / Math.max(1, each)))
    this.#grow()
  }

  /** Adapters in it. */
  get size(): number {
    return this.#capacity - this.#free.length
  }

  /** Up to the next `put`. */
  get tensors(): Stack {
    return this.#tensors
  }

  /** The place that the adapter has from now on. Not while a run reads the stack. */
  put(tensors: Feeds): number {
    if (this.#free.length === 0) this.#grow()
    const place = this.#free.pop()
    invariant(place !== undefined, 'a full stack was asked for another place')
    for (const name of this.#names) {
      const { shape, data } = tensorIn(tensors, name)
      invariant(shape.join() === this.#shapeOf.get(name)?.join(), `${name} differs in shape`)
      this.#data.get(name)?.set(data, place * data.length)
    }
    return place
  }

  free(place: number): void {
    this.#free.push(place)
  }

  /** The tensors of one adapter. */
  at(place: number): Feeds {
    return Object.fromEntries(
      this.#names.map((name): [string, FeedTensor] => {
        const length = this.#lengthOf(name)
        const data = this.#data.get(name)?.subarray(place * length, (place + 1) * length)
        return [name, { shape: this.#shapeOf.get(name) ?? [], data: data ?? new Float32Array() }]
      }),
    )
  }

  #grow(): void {
    const before = this.#capacity
    this.#capacity = Math.min(this.most, Math.max(1, before * 2))
    const grown = this.#names.map((name) => {
      const data = new Float32Array(this.#capacity * this.#lengthOf(name))
      data.set(this.#data.get(name) ?? [])
      return [name, data] as const
    })
    this.#data = new Map(grown)
    this.#tensors = Object.fromEntries(
      grown.map(([name, data]) => {
        const shape = [this.#capacity, ...(this.#shapeOf.get(name) ?? [])]
        return [name, ortTensor({ shape, data })]
      }),
    )
    // The lowest is taken first.
    for (let place = this.#capacity - 1; place >= before; place -= 1) this.#free.push(place)
  }

  #lengthOf(name: string): number {
    return (this.#shapeOf.get(name) ?? []).reduce((product, size) => product * size, 1)
  }
}

/** A stack of exactly these, in order: of one, without a copy. */
export function stackOf(adapters: readonly Feeds[]): Stack {
  const names = Object.keys(adapters[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, ortTensor(stacked(name, adapters))]))
}

function stacked(name: string, adapters: readonly Feeds[]): FeedTensor {
  const tensors = adapters.map((adapter) => tensorIn(adapter, name))
  const [{ shape, data }, ...others] = tensors as [FeedTensor, ...FeedTensor[]]
  if (others.length === 0) return { shape: [1, ...shape], data }
  const stack = new Float32Array(data.length * tensors.length)
  tensors.forEach((tensor, at) => {
    invariant(tensor.shape.join() === shape.join(), `${name} differs in shape within a stack`)
    stack.set(tensor.data, at * data.length)
  })
  return { shape: [tensors.length, ...shape], data: stack }
}

function tensorIn(adapter: Feeds, name: string): FeedTensor {
  const tensor = adapter[name]
  invariant(tensor, `an adapter of the stack lacks ${name}`)
  return tensor
}
