/**
 * Texts that begin with the same tokens, read once: a run computes the beginning and hands out its keys and values, and runs of
 * what each text has behind it are given them. The trunk's graph has them as inputs, empty for texts that are read whole.
 *
 * A text has the bits that it has by itself: products of matrices compute a position the same among any others, and the
 * attention of a position goes over its own keys alone.
 */
import type { Base } from '../../contracts/base.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'
import { Mutex } from '../../platform/store/lock.ts'
import { HIDDEN } from '../record.ts'
import { feedsOf } from '../rows.ts'
import { noBeginning, PRESENT, type CacheShape } from './causal-attention.ts'
import type { OrtPool } from './pool.ts'
import type { Feeds } from './session.ts'

/** Products of one position are summed in another order, so it is computed with a padded one behind it, which it does not attend to. */
const LEAST_POSITIONS = 2

/** Rows are read one after the other, so that the keys and values of only one beginning are in memory. */
export class BeginningReader {
  readonly #pool: OrtPool
  readonly #session: string
  readonly #base: Base
  readonly #shape: CacheShape
  readonly #turns = new Mutex()

  constructor(pool: OrtPool, session: string, base: Base, shape: CacheShape) {
    this.#pool = pool
    this.#session = session
    this.#base = base
    this.#shape = shape
  }

  /** The latents of the beginning, and of each end's own tokens; an end may be empty. */
  read(beginning: EncodedRow, ends: readonly Int32Array[]): Promise<readonly Latent[]> {
    return this.#turns.take(() => this.#read(beginning, ends))
  }

  async #read(beginning: EncodedRow, ends: readonly Int32Array[]): Promise<readonly Latent[]> {
    const { hidden, keysAndValues } = await this.#run(beginning, noBeginning(this.#shape, 1))
    const behind = ends.map(async (data) => {
      if (data.length === 0) return { ...hidden, positions: 0, data: new Float32Array(0) }
      return (await this.#run({ data }, keysAndValues, [HIDDEN])).hidden
    })
    return [hidden, ...(await Promise.all(behind))]
  }

  async #run(row: EncodedRow, given: Feeds, outputs?: readonly string[]) {
    const { length } = row.data
    const { [HIDDEN]: found, ...present } = await this.#pool.run({
      session: this.#session,
      feeds: { ...feedsOf([row], Math.max(LEAST_POSITIONS, length), this.#base), ...given },
      ...(outputs && { outputs }),
    })
    const [hidden] = latentsIn(found, [length])
    invariant(hidden, 'a row has a latent')
    const named = Object.entries(present).map(
      ([name, all]) => [name.slice(PRESENT.length), all] as const,
    )
    return { hidden, keysAndValues: Object.fromEntries(named) }
  }
}

/** hidden [b, s, width] → of each row its leading positions. */
export function latentsIn(hidden: Feeds[string] | undefined, lengths: readonly number[]) {
  const [, positions, width] = hidden?.shape ?? []
  invariant(hidden?.data instanceof Float32Array && positions && width, 'a trunk without output')
  const { data } = hidden
  const stride = positions * width
  // Copies, if there are several: each is kept for a time of its own.
  return lengths.map((length, at): Latent => {
    const size = length * width
    const own = data.length === size ? data : data.slice(at * stride, at * stride + size)
    return { positions: length, width, data: own }
  })
}
