/**
 * One daemon's view of the assignment over time: it gives back only a model that was assigned to another for a while,
 * so that a daemon that restarts causes no moves; and it takes a model that its assignee does not take.
 */

interface SharesOptions {
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

/**
 * Which daemon should train which model, so that the load is balanced: the counts differ by at most one model, if every
 * daemon can train every model. Every daemon computes the same answer from the same facts, and models stay where they
 * are unless the balance requires a move.
 *
 *   free models, by name, go to the one with the fewest; then, while one has two more than another, it gives up one
 *
 * Each move lowers Σ load², so it terminates; and it makes as few moves as possible.
 */

export interface Trainer {
  readonly name: string
  /** The models that it can train. */
  readonly models: readonly string[]
  /** The models that it is training. */
  readonly holds: readonly string[]
}

/** Model → the name of the trainer that should have it. A model that no daemon can train is absent. */
export function spread(trainers: readonly Trainer[]): ReadonlyMap<string, string> {
  const sorted = [...trainers].sort((a, b) => (a.name < b.name ? -1 : 1))
  const able = new Map(
    sorted.map(({ name, models, holds }) => [name, new Set([...models, ...holds])]),
  )
  const loads = new Map<string, string[]>(sorted.map(({ name }) => [name, []]))
  const held = keepHeld(sorted, loads)
  const models = [...new Set(sorted.flatMap((trainer) => trainer.models))].sort()
  for (const model of models.filter((each) => !held.has(each))) {
    const [name] = byLoad(loads).filter((each) => able.get(each)?.has(model))
    if (name !== undefined) loads.get(name)?.push(model)
  }
  while (moveOne(loads, able));
  return new Map([...loads].flatMap(([name, its]) => its.map((model) => [model, name])))
}

/** A model that two say they hold is about to be known better; until then it is the first one's. */
function keepHeld(
  trainers: readonly Trainer[],
  loads: ReadonlyMap<string, string[]>,
): ReadonlySet<string> {
  const held = new Set<string>()
  for (const { name, holds } of trainers)
    for (const model of [...holds].sort())
      if (!held.has(model)) {
        held.add(model)
        loads.get(name)?.push(model)
      }
  return held
}

/** Names, the least loaded first; of equal ones the first by name, because a sort is stable. */
function byLoad(loads: ReadonlyMap<string, readonly string[]>): string[] {
  return [...loads].sort(([, a], [, b]) => a.length - b.length).map(([name]) => name)
}

/** Moves the most recent model of a daemon with too many to one with too few. */
function moveOne(
  loads: ReadonlyMap<string, string[]>,
  able: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const names = byLoad(loads)
  for (const from of [...names].reverse())
    for (const to of names) {
      const [giving = [], taking = []] = [loads.get(from), loads.get(to)]
      if (giving.length - taking.length < 2) break
      const model = giving.findLast((each) => able.get(to)?.has(each))
      if (model === undefined) continue
      giving.splice(giving.lastIndexOf(model), 1)
      taking.push(model)
      return true
    }
  return false
}
