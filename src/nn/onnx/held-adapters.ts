/**
 * Adapters loaded in a worker, in stacks: [n, …] over the adapters of equal shapes, from which each row takes its own by
 * its place. An adapter is written into its stack when it is loaded, and no run builds or copies one, however many
 * adapters are mixed in it.
 *
 * A stack doubles until it holds `stackBytes`; then the next adapters begin another. A run over adapters of two stacks
 * is rare, and gets a stack of its own, cached for the next runs.
 */
import { invariant } from '../../platform/errors.ts'
import { AdapterStack, stackOf, type Stack } from './adapter-stack.ts'
import { shapesOf } from './shapes.ts'
import type { Feeds } from './session.ts'

/** Doubling copies the stack while runs wait: at this size for less than 20 ms. */
const STACK_BYTES = 32 * 1024 * 1024
/** Cached stacks over adapters of several; the least recently used is evicted first. */
const MIXED_STACKS = 8

export interface StackedRun {
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
    const shapes = shapesOf(tensors)
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
