/** Two versions beside each other, by their manifests: what the later one has learned, and how its scores differ. */
import type { Manifest } from './contract.ts'

export interface Comparison {
  readonly from: string
  readonly to: string
  /** Whether both answer every input equally: the same content. */
  readonly same: boolean
  /** Names of manifest fields that differ, besides names, dates and files. */
  readonly differs: readonly string[]
  /** `to` minus `from`. */
  readonly events: number
  readonly steps: number
  readonly scores: Readonly<Record<string, number>>
}

/** Fields that differ between any two versions, or that the comparison has numbers for. */
const own = new Set(
  [
    'version',
    'digest',
    'parent',
    'span',
    'created',
    'decision',
    'reason',
    'verdicts',
    'compute',
    'trace',
    'loss_gap',
    'kl',
    'slice_gap',
    'off_policy',
    'sums',
    'shards',
    'headline',
    'files',
  ].concat(['events', 'events_new', 'steps', 'scores']),
)

export function compareManifests(from: Manifest, to: Manifest): Comparison {
  const [fields, others] = [fieldsOf(from), fieldsOf(to)]
  const differs = [...new Set([...fields.keys(), ...others.keys()])].filter(
    (name) => fields.get(name) !== others.get(name),
  )
  const before = new Map(Object.entries(from.scores))
  const scores = Object.entries(to.scores).map(
    ([name, value]) => [name, value - (before.get(name) ?? 0)] as const,
  )
  return {
    from: from.version,
    to: to.version,
    same: from.digest === to.digest || JSON.stringify(from.files) === JSON.stringify(to.files),
    differs,
    events: to.events - from.events,
    steps: to.steps - from.steps,
    scores: Object.fromEntries(scores),
  }
}

/** As JSON by name; the task's fields stand beside the others, as on disk. */
function fieldsOf({ facts, ...manifest }: Manifest): ReadonlyMap<string, string> {
  const all = Object.entries({ ...manifest, ...facts })
  return new Map(
    all.filter(([name]) => !own.has(name)).map(([name, value]) => [name, JSON.stringify(value)]),
  )
}
