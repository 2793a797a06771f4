/**
 * What the kept examples together say about an example: a ridge regression over the replay buffer, in which each source
 * has an equal say. It is computed from what is kept and holds no state of its own, so that a retraction, a rollback
 * and a crash need nothing here.
 *
 * Wrong labels move it far less than they move a head that is trained in steps, because it averages over all examples at
 * once; the head's own loss would call its memorised mistakes right.
 */
import type { Latent } from '../../contracts/network.ts'
import type { Example, Head, Task } from '../../contracts/task.ts'
import { fitRidge, type Ridge, type RidgeRow } from '../../optim/ridge.ts'
import { equalSay } from './equal-say.ts'
import { evenly } from './evenly.ts'

export interface ReferenceParts {
  readonly task: Pick<Task, 'classes'>
  /** The most that a source may weigh among all, and what it weighs at all: 0 = nothing. */
  readonly share: number
  readonly trust: (source: string) => number
  /** Absent where none is. */
  readonly isTrusted?: ((source: string) => boolean) | undefined
}

/** Rows × width × classes: what one pass costs. */
const MOST_WORK = 2 ** 20
/** Fewer examples prove nothing. */
const FEWEST_ROWS = 48
const FEWEST_OF_CLASS = 8

export class Reference {
  readonly #ridge: Ridge
  readonly #columns: ReadonlyMap<number, number>

  constructor(ridge: Ridge, columns: ReadonlyMap<number, number>) {
    this.#ridge = ridge
    this.#columns = columns
  }

  /**
   * Undefined where too little is kept, or where outputs are no classes. Where sources are trusted, their rows alone
   * count, however few they are.
   */
  static of(
    kept: readonly { readonly example: Example; readonly latent: Latent }[],
    head: Head,
    parts: ReferenceParts,
  ): Reference | undefined {
    const known = kept.flatMap(({ example, latent }) => {
      const column = parts.task.classes?.column(example.target, head)
      const isSaid = column !== undefined && column.isRight && column.at >= 0
      return isSaid ? [{ source: example.source, column: column.at, values: meanOf(latent) }] : []
    })
    const isHeard = ({ source }: Said) => parts.isTrusted?.(source) ?? true
    return fitted(known.filter(isHeard), parts)
  }

  /** Undefined where it knows too little of the class. */
  opinion(example: Example, latent: Latent, head: Head, task: Pick<Task, 'classes'>) {
    const said = task.classes?.column(example.target, head)
    const own = said && this.#columns.get(said.at)
    if (said === undefined || own === undefined) return undefined
    const scores = this.#ridge.scores(meanOf(latent))
    const others = scores.filter((_, at) => at !== own)
    const gap = Math.max(...others) - (scores[own] ?? 0)
    const chance = 1 / this.#columns.size
    return said.isRight ? { against: gap, chance } : { against: -gap, chance: 1 - chance }
  }
}

interface Said {
  readonly source: string
  readonly column: number
  readonly values: Float32Array
}

function fitted(said: readonly Said[], { share, trust }: ReferenceParts): Reference | undefined {
  const heard = said.filter(({ source }) => trust(source) > 0)
  const sizes = new Map<number, number>()
  for (const { column } of heard) sizes.set(column, (sizes.get(column) ?? 0) + 1)
  const frequent = [...sizes].filter(([, size]) => size >= FEWEST_OF_CLASS)
  const columns = new Map(frequent.map(([column], at) => [column, at]))
  const width = heard[0]?.values.length ?? 0
  const room = Math.floor(MOST_WORK / Math.max(1, width * Math.max(1, columns.size)))
  const rows = evenly(
    heard.filter(({ column }) => columns.has(column)),
    room,
  )
  if (columns.size < 2) return undefined
  const says = equalSay(
    rows.map(({ source }) => source),
    share,
    trust,
  )
  // Many rows of one source are few voices.
  if (rows.reduce((sum, { source }) => sum + (says.get(source) ?? 0), 0) < FEWEST_ROWS)
    return undefined
  const ridgeRows = rows.map(({ column, values, source }): RidgeRow => ({
    values,
    column: columns.get(column) ?? 0,
    weight: says.get(source) ?? 0,
  }))
  return new Reference(fitRidge(ridgeRows, columns.size), columns)
}

/** Over its positions. */
function meanOf({ data, positions, width }: Latent): Float32Array {
  if (positions <= 1) return data
  const mean = new Float32Array(width)
  for (let at = 0; at < data.length; at += 1)
    mean[at % width] = (mean[at % width] ?? 0) + (data[at] ?? 0) / positions
  return mean
}
