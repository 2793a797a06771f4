/**
 * Elastic weight consolidation, online: a penalty for leaving earlier weights, strong where old examples are sensitive.
 *
 *   L = L(batch) + λ/2 · Σᵢ Fᵢ · (θᵢ − θ*ᵢ)²
 *   f ← (1 − ε)·f + ε·ḡ²   at each step;     F ← γ·F + f,  θ* ← θ   every `every` steps
 *
 * f is the diagonal of the empirical Fisher information, from the gradients of training itself; ḡ is a batch mean, so f
 * is smaller than for single examples by up to the batch size, and λ compensates.
 *
 * Schwarz et al. (2018), "Progress & compress", ICML, for γ and the single anchor; Chaudhry et al. (2018), "Riemannian
 * walk for incremental learning", ECCV, for the running f. If nothing else rehearses old labels, it hardly helps a
 * growing head.
 *
 *     regularizer: { policy: ewc-online, lambda: 500, gamma: 0.9 }
 */
import type { SettingsOf, Tensors } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'
import { Anchor, eachShared, everySetting, named, taken } from './anchor.ts'
import { number } from '../settings.ts'

const settings = {
  lambda: number([0, 1_000_000_000], 100, 'strength of the penalty'),
  gamma: number([0, 1], 1, 'share of the accumulated stiffness that stays when the anchor moves'),
  fisher_rate: number(
    [0.0001, 1],
    0.01,
    'how fast the running Fisher information follows the gradients (ε)',
  ),
  every: everySetting,
}

type Settings = SettingsOf<typeof settings>

export const ewcOnline: PolicyKind<Regularizer, Settings> = {
  summary: 'a penalty for leaving earlier weights, strong where old examples are sensitive',
  settings,
  open: (settings) => new EwcOnline(settings),
}

class EwcOnline implements Regularizer {
  readonly #settings: Settings
  readonly #anchor: Anchor
  /** f and F. */
  #running: Tensors = new Map()
  #stiffness: Tensors = new Map()

  constructor(settings: Settings) {
    this.#settings = settings
    this.#anchor = new Anchor(settings.every)
  }

  penalty(parameters: Tensors) {
    this.#anchor.begin(parameters)
    return this.#anchor.penalty(parameters, this.#settings.lambda, this.#stiffness)
  }

  observe(parameters: Tensors, gradients: Tensors): void {
    const { fisher_rate: rate, gamma } = this.#settings
    this.#running = added(this.#running, squared(gradients), 1 - rate, rate)
    if (this.#anchor.step(parameters))
      this.#stiffness = added(this.#stiffness, this.#running, gamma, 1)
  }

  snapshot(): Tensors {
    return new Map([
      ...this.#anchor.snapshot(),
      ...named('running', this.#running),
      ...named('stiffness', this.#stiffness),
    ])
  }

  restore(state: Tensors): void {
    this.#anchor.restore(state)
    this.#running = taken('running', state)
    this.#stiffness = taken('stiffness', state)
  }
}

function squared(tensors: Tensors): Tensors {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      const squares = new Float32Array(data.length)
      for (let at = 0; at < data.length; at += 1) squares[at] = (data[at] ?? 0) ** 2
      return [name, { shape, data: squares }]
    }),
  )
}

/** a·old + b·more, in the shapes of `more`; new elements were zero. */
function added(old: Tensors, more: Tensors, a: number, b: number): Tensors {
  return new Map(
    [...more].map(([name, { shape, data }]) => {
      const sum = new Float32Array(data.length)
      for (let at = 0; at < data.length; at += 1) sum[at] = b * (data[at] ?? 0)
      const before = old.get(name)
      if (before !== undefined)
        eachShared(before, shape, (from, to, length) => {
          for (let at = 0; at < length; at += 1)
            sum[to + at] = (sum[to + at] ?? 0) + a * (before.data[from + at] ?? 0)
        })
      return [name, { shape: [...shape], data: sum }]
    }),
  )
}
