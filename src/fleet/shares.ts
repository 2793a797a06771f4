/**
 * One daemon's view of the assignment over time: it gives back only a model that was assigned to another for a while,
 * so that a daemon that restarts causes no moves; and it takes a model that its assignee does not take.
 */
import { spread, type Trainer } from './shares-of.ts'

export interface SharesOptions {
  readonly replica: string
  /** How long another must be the right one before a model is given back. */
  readonly settledMs: number
  readonly leaseMs: number
}

/**
 * In parts of a lease's duration: after this long it has seen every member, any daemon may take a free model, and a
 * model stays with a stand-in.
 */
const LOOKED_FOR = 1 / 3
const ORPHANED_AFTER = 3
const ADOPTED_FOR = 30

export class Shares {
  readonly #options: SharesOptions
  /** Undefined while nothing is known: nothing is acquired and nothing given back. */
  #should: ReadonlyMap<string, string> | undefined
  #nowMs = 0
  #knownMs = 0
  /** Since when a model has been free, and since when another's although it is held here. */
  #freeMs: ReadonlyMap<string, number> = new Map()
  #othersMs: ReadonlyMap<string, number> = new Map()
  readonly #adoptedMs = new Map<string, number>()

  constructor(options: SharesOptions) {
    this.#options = options
  }

  /** `nowMs` is monotonic. */
  see(trainers: readonly Trainer[] | undefined, nowMs: number): void {
    const { replica } = this.#options
    const should = trainers && spread(trainers)
    const holds = new Set(trainers?.find(({ name }) => name === replica)?.holds)
    const held = new Set(trainers?.flatMap((trainer) => trainer.holds))
    const since = (known: ReadonlyMap<string, number>, models: readonly string[]) =>
      new Map(models.map((model) => [model, known.get(model) ?? nowMs]))
    const models = [...(should?.keys() ?? [])]
    if (this.#should === undefined) this.#knownMs = nowMs
    this.#nowMs = nowMs
    this.#should = should
    this.#freeMs = since(
      this.#freeMs,
      models.filter((model) => !held.has(model)),
    )
    this.#othersMs = since(
      this.#othersMs,
      models.filter((model) => holds.has(model) && should?.get(model) !== replica),
    )
    for (const [model, sinceMs] of this.#adoptedMs) {
      const isOthers = held.has(model) && !holds.has(model)
      if (isOthers || nowMs - sinceMs >= ADOPTED_FOR * this.#options.leaseMs)
        this.#adoptedMs.delete(model)
    }
  }

  /** Whether this daemon should acquire the model. */
  wants(model: string): boolean {
    const { leaseMs } = this.#options
    if (this.#should === undefined || this.#nowMs - this.#knownMs < LOOKED_FOR * leaseMs)
      return false
    if (this.#should.get(model) === this.#options.replica) return true
    const freeMs = this.#freeMs.get(model)
    if (freeMs === undefined || this.#nowMs - freeMs < ORPHANED_AFTER * leaseMs) return false
    this.#adoptedMs.set(model, this.#nowMs)
    return true
  }

  /** Whether this daemon should release a model it holds: no, while it stands in for one that takes nothing. */
  gives(model: string): boolean {
    const sinceMs = this.#othersMs.get(model)
    if (sinceMs === undefined || this.#adoptedMs.size > 0) return false
    return this.#nowMs - sinceMs >= this.#options.settledMs
  }
}
