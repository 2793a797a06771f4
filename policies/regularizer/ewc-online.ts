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
 */
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'
import { Anchor, eachShared, everySetting, named, taken } from './anchor.ts'

type Settings = Readonly<Record<'lambda' | 'gamma' | 'fisher_rate' | 'every', number>>

export const ewcOnline: PolicyKind<Regularizer, Settings> = {
  summary: 'a penalty for leaving earlier weights, strong where old examples are sensitive',
  settings: {
    lambda: {
      type: 'number',
      minimum: 0,
      maximum: 1_000_000_000,
      default: 100,
      description: 'strength of the penalty',
    },
    gamma: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 1,
      description: 'how much of the accumulated stiffness stays when the anchor moves',
    },
    fisher_rate: {
      type: 'number',
      minimum: 0.0001,
      maximum: 1,
      default: 0.01,
      description: 'how fast the running Fisher information follows the gradients (ε)',
    },
    every: everySetting,
  },
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
    const { lambda } = this.#settings
    let loss = 0
    const gradients = new Map<string, Tensor>()
    for (const [name, stiff] of this.#stiffness) {
      const [now, before] = [parameters.get(name), this.#anchor.at.get(name)]
      if (now === undefined || before === undefined) continue
      const data = new Float32Array(now.data.length)
      eachShared(before, now.shape, (from, to, length) => {
        for (let at = 0; at < length; at += 1) {
          const away = (now.data[to + at] ?? 0) - (before.data[from + at] ?? 0)
          const pull = lambda * (stiff.data[from + at] ?? 0) * away
          loss += (pull * away) / 2
          data[to + at] = pull
        }
      })
      gradients.set(name, { shape: now.shape, data })
    }
    return { loss, gradients }
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
