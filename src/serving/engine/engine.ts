/**
 * The serving engine of one base: logits for rows that may belong to different adapters, computed in worker threads.
 *
 * A graph is built once for all adapters that need the same one (`recordedGraph`). Adapters are inputs of it, so that a swap
 * passes other tensors and rebuilds nothing, and rows of several adapters share a run.
 */
import type { Version } from '../../versions/contract.ts'
import { leadingOutputs } from '../../nn/head-input.ts'
import { feedsOf, paddedPositions } from '../../nn/rows.ts'
import { positionsOf } from '../../payloads/rows.ts'
import { ROW_ADAPTER } from '../../nn/onnx/ops.ts'
import type { OrtRun } from '../../nn/onnx/thread.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions, proveInt8 } from '../../nn/onnx/pool.ts'
import { invariant } from '../../platform/errors.ts'
import type { Base } from '../../contracts/base.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import {
  prepareAdapter,
  LoadedAdapters,
  type EngineParts,
  type PreparedAdapter,
} from './engine-adapter.ts'

export interface PlannedRow {
  readonly adapter: string
  readonly encoded: EncodedRow
}

export interface PlannedRun {
  readonly positions: number
  /** Each row with its place in the batch. */
  readonly rows: readonly (PlannedRow & { readonly place: number })[]
}

/** Rows × positions of one run: larger runs are no faster, and make others wait. */
export const MOST_POSITIONS = 256

/**
 * Cuts a batch into runs: rows of one family and one padded length together, and no run so large that a small one waits
 * long behind it.
 *
 * A row is always padded to the next multiple of four, independent of the other rows. So its sums are computed in the
 * same order at any load, and the same version gives the same bits for the same input. That costs nothing: padding
 * everything to the longest row is slower than several runs of similar rows.
 *
 * `familyOf` an adapter: all of one family have one graph and one shape of every tensor.
 */
export function planRuns(
  rows: readonly PlannedRow[],
  familyOf: (adapter: string) => string,
): readonly PlannedRun[] {
  const groups = new Map<string, { positions: number; rows: PlannedRun['rows'][number][] }>()
  rows.forEach((row, place) => {
    const positions = paddedPositions(row.encoded)
    const name = `${positions} ${familyOf(row.adapter)}`
    const group = groups.get(name) ?? { positions, rows: [] }
    groups.set(name, group)
    group.rows.push({ ...row, place })
  })
  return [...groups.values()].flatMap(split)
}

function split({ positions, rows }: PlannedRun): readonly PlannedRun[] {
  const most = Math.max(1, Math.floor(MOST_POSITIONS / positions))
  const count = Math.ceil(rows.length / most)
  return Array.from({ length: count }, (_, at) => ({
    positions,
    rows: rows.slice(at * most, (at + 1) * most),
  }))
}

export type ServingEngineOptions = EngineParts & OrtPoolOptions

/** Every `load` of a key is undone by one `unload`. */
export async function openServingEngine(options: ServingEngineOptions): Promise<ServingEngine> {
  const engine = new OnnxServingEngine(options)
  if (options.base.quantize === undefined) return engine
  return engine.proved().then(
    () => engine,
    async (error: unknown) => {
      await engine.close()
      throw error
    },
  )
}

class OnnxServingEngine implements ServingEngine {
  readonly #parts: EngineParts
  readonly #pool: OrtPool
  readonly #loaded: LoadedAdapters

  constructor(options: ServingEngineOptions) {
    this.#parts = options
    this.#pool = openOrtPool(options)
    this.#loaded = new LoadedAdapters(this.#pool)
  }

  proved(): Promise<void> {
    return proveInt8(this.#pool)
  }

  async load(key: string, version: Version): Promise<void> {
    const adapter = prepareAdapter(this.#parts, key, version)
    await this.#loaded.load(key, adapter, async () =>
      this.#pool.warm(warmingRun(this.#parts.base, key, adapter)),
    )
  }

  unload(key: string): void {
    this.#loaded.unload(key)
  }

  /** Settles when no worker is busy with any of the rows any more, also when one of them failed. */
  async run(rows: readonly PlannedRow[]): Promise<readonly Float32Array[]> {
    const answers = new Array<Float32Array>(rows.length)
    const runs = planRuns(rows, (key) => this.#loaded.find(key).family)
    const outcomes = await Promise.allSettled(runs.map((run) => this.#answer(run, answers)))
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
    return answers
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #answer({ rows, positions }: PlannedRun, answers: Float32Array[]): Promise<void> {
    const keys = [...new Set(rows.map(({ adapter }) => adapter))].sort()
    const [first] = rows
    invariant(first, 'a run without rows')
    const { graph } = this.#loaded.find(first.adapter)
    const { logits } = await this.#pool.run(
      runOf(this.#parts.base, graph.key, keys, rows, positions),
    )
    invariant(logits?.data instanceof Float32Array, 'a run without logits')
    const stride = logits.data.length / rows.length
    for (const [at, { place, adapter, encoded }] of rows.entries()) {
      const { outputs, reads } = this.#loaded.find(adapter)
      const all = logits.data.subarray(at * stride, (at + 1) * stride)
      // Those of padding come last.
      const read = reads === 'positions' ? positionsOf(encoded) : 1
      const own = reads === 'positions' ? all.subarray(0, (read * stride) / positions) : all
      answers[place] = leadingOutputs(own, outputs, read).slice()
    }
  }
}

function warmingRun(base: Base, key: string, { graph, example }: PreparedAdapter): OrtRun {
  const row = { adapter: key, encoded: example }
  return runOf(base, graph.key, [key], [row], paddedPositions(example))
}

function runOf(
  base: Base,
  graph: string,
  held: readonly string[],
  rows: readonly PlannedRow[],
  positions: number,
): OrtRun {
  const adapters = Int32Array.from(rows, ({ adapter }) => held.indexOf(adapter))
  const feeds = feedsOf(
    rows.map(({ encoded }) => encoded),
    positions,
    base,
  )
  return {
    session: graph,
    held,
    feeds: { ...feeds, [ROW_ADAPTER]: { shape: [rows.length], data: adapters } },
  }
}

/** Logits for rows that may belong to different adapters. One engine serves all models of one base. */
export interface ServingEngine {
  /** Makes an adapter usable and warm; resolves when every worker holds it. `key` is the version's digest. One `unload` undoes one `load`. */
  load(key: string, version: Version): Promise<void>
  unload(key: string): void
  run(
    rows: readonly { readonly adapter: string; readonly encoded: EncodedRow }[],
  ): Promise<readonly Float32Array[]>
  close(): Promise<void>
}
