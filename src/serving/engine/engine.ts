/**
 * The serving engine of one base: logits for rows that may belong to different adapters, computed in worker threads.
 *
 * A graph is built once for all adapters that need the same one (recorded-graph.ts). Adapters are inputs of it, so that a swap
 * passes other tensors and rebuilds nothing, and rows of several adapters share a run.
 */
import type { ServingEngine } from './contract.ts'
import type { Version } from '../../versions/contract.ts'
import { feedsOf, paddedPositions } from '../../nn/onnx/feeds.ts'
import { ROW_ADAPTER } from '../../nn/onnx/ops.ts'
import type { OrtRun } from '../../nn/onnx/protocol.ts'
import { proveInt8 } from '../../nn/onnx/prove-int8.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions } from '../../nn/onnx/pool.ts'
import { invariant } from '../../platform/errors.ts'
import { prepareAdapter, type EngineParts, type PreparedAdapter } from './engine-adapter.ts'
import { LoadedAdapters } from './loaded-adapters.ts'
import { planRuns, type PlannedRow, type PlannedRun } from './engine-plan.ts'

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
    await this.#loaded.load(key, adapter, async () => this.#pool.warm(warmingRun(key, adapter)))
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
    const outputs = rows.map(({ adapter }) => this.#loaded.find(adapter).outputs)
    const [first] = rows
    invariant(first, 'a run without rows')
    const { graph } = this.#loaded.find(first.adapter)
    const { logits } = await this.#pool.run(runOf(graph.key, keys, rows, positions))
    invariant(logits?.data instanceof Float32Array, 'a run without logits')
    const stride = logits.data.length / rows.length
    for (const [at, { place }] of rows.entries())
      answers[place] = logits.data.slice(
        at * stride,
        at * stride + Math.min(stride, outputs[at] ?? 0),
      )
  }
}

function warmingRun(key: string, { graph, example }: PreparedAdapter): OrtRun {
  const row = { adapter: key, encoded: example }
  return runOf(graph.key, [key], [row], paddedPositions(example))
}

function runOf(
  graph: string,
  held: readonly string[],
  rows: readonly PlannedRow[],
  positions: number,
): OrtRun {
  const adapters = Int32Array.from(rows, ({ adapter }) => held.indexOf(adapter))
  const feeds = feedsOf(
    rows.map(({ encoded }) => encoded),
    positions,
  )
  return {
    session: graph,
    held,
    feeds: { ...feeds, [ROW_ADAPTER]: { shape: [rows.length], data: adapters } },
  }
}
