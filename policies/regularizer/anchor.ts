/** The weights to stay close to, and the plain penalty for leaving them. */
import type { SettingsOf, Tensor, Tensors } from '../../src/contracts/core.ts'
import type { PolicyKind, Regularizer } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'

export const everySetting = integer(
  [0, 1_000_000],
  1000,
  'steps after which the anchor moves to the present weights; 0 = never',
)

/**
 * A stream has no task boundaries that could say when to set the anchor, so it moves after a fixed number of steps. It
 * starts at the first weights it sees.
 */
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

  /** λ/2 · Σᵢ Fᵢ·(θᵢ − θ*ᵢ)² and its gradients; without a stiffness F every Fᵢ is 1. */
  penalty(parameters: Tensors, lambda: number, stiffness?: Tensors) {
    let loss = 0
    const gradients = new Map<string, Tensor>()
    for (const name of (stiffness ?? this.#at).keys()) {
      const [now, before] = [parameters.get(name), this.#at.get(name)]
      if (now === undefined || before === undefined) continue
      const stiff = stiffness?.get(name)?.data
      const data = new Float32Array(now.data.length)
      eachShared(before, now.shape, (from, to, length) => {
        for (let at = 0; at < length; at += 1) {
          const away = (now.data[to + at] ?? 0) - (before.data[from + at] ?? 0)
          const pull = lambda * (stiff === undefined ? 1 : (stiff[from + at] ?? 0)) * away
          loss += (pull * away) / 2
          data[to + at] = pull
        }
      })
      gradients.set(name, { shape: now.shape, data })
    }
    return { loss, gradients }
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

function copied(tensors: Tensors): Tensors {
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

const settings = {
  lambda: number([0, 1_000_000], 0.01, 'strength of the penalty'),
  every: everySetting,
}

/**
 * A quadratic penalty for leaving earlier weights: the simplest protection, equal in all directions.
 *
 *   L = L(batch) + λ/2 · ‖θ − θ*‖²
 *
 * θ* are the weights of at most `every` steps ago; with `every` 0 they are the initial weights of the adapter, so that
 * it never strays far from the base: L2-SP of Li, Grandvalet & Davoine (2018), "Explicit inductive bias for transfer
 * learning", ICML. Used as the baseline for elastic weights in Kirkpatrick et al. (2017), PNAS 114(13).
 *
 *     regularizer: { policy: l2-anchor, lambda: 0.1, every: 0 }
 */
export const l2Anchor: PolicyKind<Regularizer, SettingsOf<typeof settings>> = {
  summary: 'a quadratic penalty for leaving earlier weights, equal in all directions',
  settings,
  open({ lambda, every }) {
    const anchor = new Anchor(every)
    return {
      penalty(parameters) {
        anchor.begin(parameters)
        return anchor.penalty(parameters, lambda)
      },
      observe(parameters) {
        anchor.step(parameters)
      },
      snapshot: () => anchor.snapshot(),
      restore: (state) => anchor.restore(state),
    }
  },
}
