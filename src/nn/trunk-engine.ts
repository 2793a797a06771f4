/**
 * The trunk in a worker thread: what the trainer keeps of each example. One row a run and no padding, so that a latent depends on
 * its example alone, and a restart that recomputes it in other company gets the same bytes.
 */
import type { Base, Encoded, Latent, TrunkEngine } from '../contracts.ts'
import { invariant } from '../runtime/errors.ts'
import { feedsOf, positionsOf } from './feeds.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions } from './ort-pool.ts'
import { recordTrunk } from './record.ts'

export async function openTrunkEngine(
  base: Base,
  cut: number,
  options: Partial<OrtPoolOptions> = {},
): Promise<TrunkEngine> {
  const pool = openOrtPool({ workers: 1, ...options })
  await pool
    .addSession(SESSION, () => recordTrunk(base, cut))
    .catch(async (error: unknown) => {
      await pool.close()
      throw error
    })
  return {
    encode: (rows) => Promise.all(rows.map((row) => latentOf(pool, row))),
    close: () => pool.close(),
  }
}

const SESSION = 'trunk'

async function latentOf(pool: OrtPool, row: Encoded): Promise<Latent> {
  const feeds = feedsOf([row], positionsOf(row))
  const { hidden } = await pool.run({ session: SESSION, feeds })
  const [, positions, width] = hidden?.shape ?? []
  invariant(hidden?.data instanceof Float32Array && positions && width, 'a trunk without output')
  return { positions, width, data: hidden.data }
}
