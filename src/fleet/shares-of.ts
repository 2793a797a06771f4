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
