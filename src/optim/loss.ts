/**
 * The loss of a step and its gradient for every output: the task's loss on the targets, and the terms that keep the
 * outputs near earlier ones. In plain memory, the same for every engine: these numbers are few.
 *
 *   L = Σᵢ cᵢ · task(zᵢ; yᵢ) + Σᵢₖ aᵢ/kᵢ · (zᵢₖ − hᵢₖ)² + Σᵢ tᵢ · task.distil(zᵢ; gᵢ)
 *
 * z are the outputs, h those stored with a replayed row (k of them), g a teacher's. c are the rows' shares: by default
 * weight / rows of the whole batch, so that a row of weight 2 pulls like the same row twice. All tokens of the
 * completions of a step count the same, as in PyTorch's mean over the tokens of a batch:
 *
 *   Σᵢ cᵢ/n̄ · Σₜ −log πᵢₜ,   n̄ = Σᵢ cᵢ·nᵢ / Σᵢ cᵢ   for completions of n tokens
 */
import type { TrainRow } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Teacher } from '../contracts/policy.ts'
import type { Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'

export interface LossStep {
  readonly task: Pick<Task, 'loss' | 'distil'>
  readonly head: Head
  /** The statistics of base and task. */
  readonly statistics: Tensors
  readonly taught?: TeacherOutputs | undefined
  /** How far the adapter has moved from the base; absent if the task does not measure it. */
  readonly drift?: number | undefined
  /** That of `meanTokens`; absent if no row of the step is a completion. */
  readonly meanTokens?: number | undefined
}

/** A teacher's outputs for each new row. */
export interface TeacherOutputs {
  readonly temperature: number
  readonly rows: ReadonlyMap<TrainRow, { readonly outputs: Float32Array; readonly share: number }>
}

export interface OutputLoss {
  readonly loss: number
  /** Row after row, like the outputs. */
  readonly gradient: Float32Array
}

/** A gradient for outputs: all of it, and the part of each row. */
export interface OutputGradient {
  readonly all: Float32Array
  readonly rows: readonly Float32Array[]
}

/**
 * `batch`: the rows of the whole step; `rows` may be some of them, with the outputs of each. `into`: room for the
 * gradient, which is zero.
 */
export function lossOf(
  rows: readonly TrainRow[],
  outputs: readonly Float32Array[],
  batch: number,
  { task, head, statistics, taught, drift, meanTokens }: LossStep,
  into = roomFor(outputs),
): OutputLoss {
  let loss = 0
  let at = -1
  // Iterators of entries, and views made for each step, would take longer than the loss itself.
  for (const row of rows) {
    at += 1
    const { target, doubt, part, logits: kept } = row
    const z = outputs[at] ?? NONE
    const to = into.rows[at] ?? NONE
    const share = shareOf(row, batch)
    const facts = { target, outputs: z, share, doubt, among: part?.among, drift, meanTokens }
    loss += task.loss(facts, head, to, statistics)
    if (kept !== undefined && part?.logits !== undefined) loss += pull(z, kept, part.logits, to)
    const own = taught?.rows.get(row)
    if (taught === undefined || own === undefined) continue
    const by = { share: own.share, temperature: taught.temperature }
    loss += task.distil(z, own.outputs, by, to)
  }
  return { loss, gradient: into.all }
}

/** The mean length of the completions among all rows of a step, each counted by its share; undefined without any. */
export function meanTokens(
  rows: readonly TrainRow[],
  { texts }: Pick<Task, 'texts'>,
): number | undefined {
  let [shares, tokens] = [0, 0]
  for (const row of texts?.completes === undefined ? [] : rows) {
    const share = shareOf(row, rows.length) * (texts?.completes?.(row.target) ?? 0)
    shares += share
    tokens += share * (row.latent.sequences?.[0]?.answer.length ?? 0)
  }
  return shares > 0 ? tokens / shares : undefined
}

function shareOf({ part, weight }: TrainRow, batch: number): number {
  return part?.target ?? weight / batch
}

function roomFor(outputs: readonly Float32Array[]): OutputGradient {
  const all = new Float32Array(outputs.reduce((sum, { length }) => sum + length, 0))
  let from = 0
  const rows = outputs.map(({ length }) => all.subarray(from, (from += length)))
  return { all, rows }
}

const NONE = new Float32Array()

/** `outputs` are the teacher's for each of the new `rows`. */
export function taughtBy(
  { weight, temperature }: Teacher,
  rows: readonly TrainRow[],
  outputs: readonly Float32Array[],
): TeacherOutputs {
  const total = weight / rows.length
  const taught = rows.map((row, at) => {
    const own = { outputs: outputs[at] ?? new Float32Array(), share: total * row.weight }
    return [row, own] as const
  })
  return { temperature, rows: new Map(taught) }
}

/** a/k · Σ (z − h)² over the outputs that both have; adds its gradient. */
function pull(z: Float32Array, h: Float32Array, a: number, to: Float32Array): number {
  const known = Math.min(h.length, z.length)
  const share = Math.fround(a / known)
  let loss = 0
  for (let at = 0; at < known; at += 1) {
    const distance = (z[at] ?? 0) - (h[at] ?? 0)
    loss += share * distance * distance
    to[at] = (to[at] ?? 0) + 2 * share * distance
  }
  return loss
}
