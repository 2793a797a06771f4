/**
 * The weights to stay close to. A stream has no task boundaries that could say when to set the anchor, so the anchor
 * moves after a fixed number of steps. It starts at the first weights it sees.
 */
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Setting } from '../../src/contracts/core.ts'

export const everySetting: Setting = {
  type: 'integer',
  minimum: 0,
  maximum: 1_000_000,
  default: 1000,
  description: 'steps after which the anchor moves to the present weights; 0 = never',
}

export class Anchor {
  readonly #every: number
  #at: Tensors = new Map()
  #steps = 0

  constructor(every: number) {
    this.#every = every
  }

  get at(): Tensors {
    return this.#at
  }

  begin(parameters: Tensors): void {
    if (this.#at.size === 0) this.#at = copied(parameters)
  }

  /** Whether it moved. */
  step(parameters: Tensors): boolean {
    this.#steps += 1
    if (this.#every === 0 || this.#steps < this.#every) return false
    this.#steps = 0
    this.#at = copied(parameters)
    return true
  }

  snapshot(): Tensors {
    if (this.#at.size === 0) return new Map()
    const steps = { shape: [], data: Float32Array.of(this.#steps) }
    return new Map([['anchor_steps', steps], ...named('anchor', this.#at)])
  }

  restore(state: Tensors): void {
    this.#at = taken('anchor', state)
    this.#steps = state.get('anchor_steps')?.data[0] ?? 0
  }
}

/** Copies under `<prefix>/<name>`. */
export function named(prefix: string, tensors: Tensors): Tensors {
  return new Map([...copied(tensors)].map(([name, tensor]) => [`${prefix}/${name}`, tensor]))
}

/** The inverse of `named`. */
export function taken(prefix: string, state: Tensors): Tensors {
  const own = [...copied(state)].filter(([name]) => name.startsWith(`${prefix}/`))
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]))
}

export function copied(tensors: Tensors): Tensors {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape: [...shape], data: data.slice() },
    ]),
  )
}

/** Calls back with each stretch of `before` and its position in the grown shape, which has more columns. */
export function eachShared(
  before: Tensor,
  shape: readonly number[],
  visit: (from: number, to: number, length: number) => void,
): void {
  const [old, now] = [before.shape.at(-1) ?? 1, shape.at(-1) ?? 1]
  if (old === now) {
    visit(0, 0, before.data.length)
    return
  }
  const rows = before.data.length / Math.max(1, old)
  for (let row = 0; row < rows; row += 1) visit(row * old, row * now, Math.min(old, now))
}
