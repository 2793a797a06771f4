/**
 * Adapters loaded in a worker, in stacks: [n, …] over the adapters of equal shapes, from which each row takes its own by
 * its place. An adapter is written into its stack when it is loaded, and no run builds or copies one, however many
 * adapters are mixed in it.
 *
 * A stack doubles until it holds `stackBytes`; then the next adapters begin another. A run over adapters of two stacks
 * is rare, and gets a stack of its own, cached for the next runs.
 */
import { invariant } from '../../platform/errors.ts'
import { paramShapes } from './ops.ts'
import { type Feeds, ortTensor, type FeedTensor, type OrtTensor } from './session.ts'

/** Doubling copies the stack while runs wait: at this size for less than 20 ms. */
const STACK_BYTES = 32 * 1024 * 1024
/** Cached stacks over adapters of several; the least recently used is evicted first. */
const MIXED_STACKS = 8

interface StackedRun {
  readonly tensors: Stack
  /** The place of each requested adapter, in order. */
  readonly places: readonly number[]
}

export interface HeldAdapters {
  /** With `alone` no other adapter shares the stack, and nothing is copied: for adapters as large as a base. */
  hold(key: string, tensors: Feeds, alone?: boolean): void
  drop(key: string): void
  stack(keys: readonly string[]): StackedRun
}

type AdapterHold =
  { readonly alone: Stack } | { readonly stack: AdapterStack; readonly place: number }

export function openHeldAdapters(stackBytes = STACK_BYTES): HeldAdapters {
  return new StackedAdapters(stackBytes)
}

class StackedAdapters implements HeldAdapters {
  readonly #stackBytes: number
  readonly #held = new Map<string, AdapterHold>()
  /** Stacks by the shapes of their tensors. */
  readonly #stacks = new Map<string, AdapterStack[]>()
  readonly #mixed = new Map<string, { readonly keys: readonly string[]; readonly stack: Stack }>()

  constructor(stackBytes: number) {
    this.#stackBytes = stackBytes
  }

  hold(key: string, tensors: Feeds, alone = false): void {
    this.drop(key)
    if (alone) {
      this.#held.set(key, { alone: stackOf([tensors]) })
      return
    }
    const stack = this.#roomFor(tensors)
    this.#held.set(key, { stack, place: stack.put(tensors) })
  }

  drop(key: string): void {
    const held = this.#held.get(key)
    this.#held.delete(key)
    for (const [name, { keys }] of this.#mixed) if (keys.includes(key)) this.#mixed.delete(name)
    if (held !== undefined && 'stack' in held) this.#free(held.stack, held.place)
  }

  stack(keys: readonly string[]): StackedRun {
    const adapters = keys.map((key) => this.#find(key))
    const [first] = adapters
    invariant(first, 'a run without adapters')
    if ('alone' in first && adapters.length === 1) return { tensors: first.alone, places: [0] }
    const inStacks = adapters.map((adapter) => {
      invariant('stack' in adapter, 'an adapter that runs alone shares a run')
      return adapter
    })
    const places = inStacks.map(({ place }) => place)
    const stacks = new Set(inStacks.map(({ stack }) => stack))
    const [stack] = stacks
    if (stacks.size === 1 && stack !== undefined) return { tensors: stack.tensors, places }
    const parts = () => inStacks.map((each) => each.stack.at(each.place))
    return { tensors: this.#mix(keys, parts), places: keys.map((_, at) => at) }
  }

  #find(key: string): AdapterHold {
    const adapter = this.#held.get(key)
    invariant(adapter, `the adapter ${key} is not loaded`)
    return adapter
  }

  #roomFor(tensors: Feeds): AdapterStack {
    const shapes = paramShapes(tensors)
    const alike = this.#stacks.get(shapes) ?? []
    const known = alike.find((stack) => stack.size < stack.most)
    if (known !== undefined) return known
    const stack = new AdapterStack(tensors, this.#stackBytes)
    this.#stacks.set(shapes, [...alike, stack])
    return stack
  }

  #free(stack: AdapterStack, place: number): void {
    stack.free(place)
    if (stack.size > 0) return
    const others = this.#stacks.get(stack.shapes)?.filter((other) => other !== stack) ?? []
    if (others.length === 0) this.#stacks.delete(stack.shapes)
    else this.#stacks.set(stack.shapes, others)
  }

  #mix(keys: readonly string[], parts: () => readonly Feeds[]): Stack {
    const name = keys.join('\n')
    const stack = this.#mixed.get(name)?.stack ?? stackOf(parts())
    this.#mixed.delete(name)
    this.#mixed.set(name, { keys, stack })
    const [oldest] = this.#mixed.keys()
    if (this.#mixed.size > MIXED_STACKS && oldest !== undefined) this.#mixed.delete(oldest)
    return stack
  }
}

/**
 * Tensors of several adapters, one behind the other, as one tensor a name that a session reads.
 */
export type Stack = Readonly<Record<string, OrtTensor>>

/** Places for adapters of equal shapes. It doubles when it is full, and never shrinks. */
class AdapterStack {
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
    this.shapes = paramShapes(example)
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
