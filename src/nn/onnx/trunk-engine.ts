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
import { invariant } from '../../platform/errors.ts'
import { positionsOf, valuesOf } from '../../payloads/rows.ts'
import { isUntouched } from '../head-input.ts'
import { numbersIn } from '../js/tape.ts'
import { HIDDEN, recordTrunk } from '../record.ts'
import { latentOfRow, feedsOf, paddedPositions, type RowReader } from '../rows.ts'
import { BeginningReader, latentsIn } from './beginning.ts'
import { noBeginning, type CacheShape } from './causal-attention.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions, proveInt8 } from './pool.ts'

/** Threads that compute latents: by far the most that an event costs, and nothing that has to come in order. */
export const trunkWorkers = Math.min(2, availableParallelism())
/** From so many bytes of numbers on the threads share one session: two would each hold what it packs. The bits are the same. */
const LARGE = 256 * 2 ** 20

export async function openTrunkEngine(
  base: Base,
  cut: number,
  options: Partial<OrtPoolOptions> = {},
): Promise<TrunkEngine> {
  if (answersItsInput(base, cut)) return identityEngine
  const isLarge = 4 * numbersIn(base.weights) >= LARGE
  const [workers, threads] = isLarge ? [1, trunkWorkers] : [trunkWorkers, 1]
  const pool = openOrtPool({ workers, threads, ...options })
  let shape: CacheShape | undefined
  const record = () => {
    const { model, beginning } = recordTrunk(base, cut)
    shape = beginning
    return model
  }
  await pool
    .addSession(SESSION, record)
    .then(async () => (base.quantize === undefined ? undefined : proveInt8(pool)))
    .catch(async (error: unknown) => {
      await pool.close()
      throw error
    })
  const runs = new RunsByLength((rows) => latentsOf(pool, rows, base, shape))
  const continued = shape && new BeginningReader(pool, SESSION, base, shape)
  const reader: RowReader = {
    whole: (row) => runs.add(row),
    ...(continued && { once: (row, ends) => continued.read(row, ends) }),
  }
  return {
    encode: (rows) => Promise.all(rows.map((row) => latentOfRow(row, reader))),
    close: () => pool.close(),
  }
}

const SESSION = 'trunk'

/** Rows of one length. */
async function latentsOf(
  pool: OrtPool,
  rows: readonly EncodedRow[],
  base: Base,
  shape: CacheShape | undefined,
): Promise<readonly Latent[]> {
  const [first] = rows
  invariant(first, 'a run has at least one row')
  const [real, fed] = [
    positionsOf(first),
    base.quantize === undefined ? positionsOf(first) : paddedPositions(first),
  ]
  const { [HIDDEN]: hidden } = await pool.run({
    session: SESSION,
    feeds: { ...feedsOf(rows, fed, base), ...(shape && noBeginning(shape, rows.length)) },
    outputs: [HIDDEN],
  })
  const positions = hidden?.shape[1]
  const kept = positions === undefined || positions === fed ? real : positions
  return latentsIn(
    hidden,
    rows.map(() => kept),
  )
}

function answersItsInput({ network, rows }: Base, cut: number): boolean {
  const mask = Symbol('mask')
  return (
    rows === 'values' && isUntouched((ops, values) => network.trunk(ops, { values, mask }, cut))
  )
}

const identityEngine: TrunkEngine = {
  encode: async (rows) => Promise.resolve(rows.map(asLatent)),
  encodeNow: asLatent,
  close: async () => Promise.resolve(),
}

/** Neither is written to. */
function asLatent(row: EncodedRow): Latent {
  const [data, positions] = [valuesOf(row), positionsOf(row)]
  return { positions, width: data.length / positions, data }
}

/**
 * The trunks of one process: models that cut the same base at the same place share one engine.
 */
interface TrunkEngines {
  readonly open: (base: Base, cut: number) => Promise<TrunkEngine>
  /** Closes all that were opened. */
  readonly close: () => Promise<void>
}

/** `onCrash`: the thread of a trunk died, and another takes its place. */
export function openTrunkEngines(onCrash: (error: unknown, base: Base) => void): TrunkEngines {
  const known = new Map<string, Promise<TrunkEngine>>()
  return {
    async open(base, cut) {
      const key = `${base.hash}/${base.trunk ?? cut}`
      const open = async () =>
        openTrunkEngine(base, cut, {
          onCrash: (error) => {
            onCrash(error, base)
          },
        })
      const opening = known.get(key) ?? open()
      known.set(key, opening)
      return opening
    },
    async close() {
      const opened = await Promise.allSettled(known.values())
      await Promise.all(
        opened.map(async (each) => (each.status === 'fulfilled' ? each.value.close() : undefined)),
      )
    },
  }
}

/**
 * Rows that are asked for in one breath and have one length go through the trunk in one run: a run of eight short texts costs
 * half as much a row as a run of one, and gives each the same bits.
 */

/** More gains nothing, and the next run can begin on another thread. */
const ROWS = 8

interface WaitingRow {
  readonly row: EncodedRow
  readonly resolve: (latent: Latent) => void
  readonly reject: (error: unknown) => void
}

export class RunsByLength {
  readonly #run: (rows: readonly EncodedRow[]) => Promise<readonly Latent[]>
  /** Waiting rows by length, in the order in which the lengths were first requested. */
  #waiting = new Map<string, WaitingRow[]>()

  constructor(run: (rows: readonly EncodedRow[]) => Promise<readonly Latent[]>) {
    this.#run = run
  }

  add(row: EncodedRow): Promise<Latent> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) queueMicrotask(() => this.#start())
      const lengths = `${positionsOf(row)} ${row.secondFrom ?? ''}`
      const alike = this.#waiting.get(lengths) ?? []
      alike.push({ row, resolve, reject })
      this.#waiting.set(lengths, alike)
    })
  }

  #start(): void {
    const groups = [...this.#waiting.values()]
    this.#waiting = new Map()
    for (const group of groups)
      for (let from = 0; from < group.length; from += ROWS)
        void this.#together(group.slice(from, from + ROWS))
  }

  async #together(group: readonly WaitingRow[]): Promise<void> {
    try {
      const latents = await this.#run(group.map(({ row }) => row))
      for (const [at, latent] of latents.entries()) group[at]?.resolve(latent)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}
