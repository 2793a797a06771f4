/**
 * The trunk in worker threads: what the trainer keeps of each example. Rows of one length share a run and nothing is padded, so
 * that a latent depends on its example alone, and a restart that recomputes it in other company gets the same bytes. In
 * 8 bits a row is padded as in the server: a last bit of difference before a rounding would be a whole step behind it.
 *
 * A trunk that answers its input, as under a linear model on features, needs no thread: asking one would cost a
 * hundred times what an event's whole intake does.
 */
import { availableParallelism } from 'node:os'
import type { Base, TrunkEngine } from '../../contracts/base.ts'
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { feedsOf, paddedPositions } from './feeds.ts'
import { positionsOf, valuesOf } from '../../payloads/rows.ts'
import { proveInt8 } from './prove-int8.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions } from './pool.ts'
import { recordTrunk } from '../record.ts'
import { latentOfRow } from '../sequences.ts'
import { RunsByLength } from './runs-by-length.ts'

/** Threads that compute latents: by far the most that an event costs, and nothing that has to come in order. */
export const trunkWorkers = Math.min(2, availableParallelism())

export async function openTrunkEngine(
  base: Base,
  cut: number,
  options: Partial<OrtPoolOptions> = {},
): Promise<TrunkEngine> {
  if (answersItsInput(base, cut)) return identityEngine
  const pool = openOrtPool({ workers: trunkWorkers, ...options })
  await pool
    .addSession(SESSION, () => recordTrunk(base, cut))
    .then(async () => (base.quantize === undefined ? undefined : proveInt8(pool)))
    .catch(async (error: unknown) => {
      await pool.close()
      throw error
    })
  const runs = new RunsByLength((rows) => latentsOf(pool, rows, base.quantize !== undefined))
  return {
    encode: (rows) => Promise.all(rows.map((row) => latentOfRow(row, (each) => runs.add(each)))),
    close: () => pool.close(),
  }
}

const SESSION = 'trunk'

/** Rows of one length. */
async function latentsOf(
  pool: OrtPool,
  rows: readonly EncodedRow[],
  pads: boolean,
): Promise<readonly Latent[]> {
  const [first] = rows
  invariant(first, 'a run has at least one row')
  const [real, fed] = [positionsOf(first), pads ? paddedPositions(first) : positionsOf(first)]
  const { hidden } = await pool.run({ session: SESSION, feeds: feedsOf(rows, fed) })
  const [, given, width] = hidden?.shape ?? []
  invariant(hidden?.data instanceof Float32Array && given && width, 'a trunk without output')
  const { data } = hidden
  const [stride, positions] = [given * width, given === fed ? real : given]
  const size = positions * width
  // Copies, if there are several: each is kept for a time of its own.
  const part = (at: number) =>
    data.length === size ? data : data.slice(at * stride, at * stride + size)
  return rows.map((_, at) => ({ positions, width, data: part(at) }))
}

/** Found out by handing it operations that can do nothing. */
function answersItsInput({ network, rows }: Base, cut: number): boolean {
  if (rows !== 'values') return false
  const input = { values: Symbol('values'), mask: Symbol('mask') }
  try {
    return network.trunk(noOps, input, cut) === input.values
  } catch (error) {
    if (error === operated) return false
    throw error
  }
}

const operated = new Error('the trunk computes something')

const noOps = new Proxy({} as Ops<symbol>, {
  get: () => () => {
    throw operated
  },
})

const identityEngine: TrunkEngine = {
  encode: async (rows) => Promise.resolve(rows.map(asLatent)),
  encodeNow: asLatent,
  close: async () => Promise.resolve(),
}

/** A vector is one position. Neither is written to. */
function asLatent(row: EncodedRow): Latent {
  const data = valuesOf(row)
  return { positions: 1, width: data.length, data }
}
