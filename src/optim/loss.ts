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
import type { Regularizer } from '../contracts/policy.ts'
import type { Head } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import { outputPositions } from '../nn/head-input.ts'
import type {
  AdapterEngine,
  Gradients,
  OutputGradient,
  OutputLoss,
} from './engines/engine-adapter.ts'

interface LossStep {
  readonly task: Pick<Task, 'loss' | 'distil' | 'reads'>
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
interface TeacherOutputs {
  readonly temperature: number
  readonly rows: ReadonlyMap<TrainRow, { readonly outputs: Float32Array; readonly share: number }>
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
    if (kept !== undefined && part?.logits !== undefined) {
      const positions = outputPositions(task.reads, row.latent)
      loss += pull(z, kept, { a: part.logits, positions }, to)
    }
    const own = taught?.rows.get(row)
    if (taught === undefined || own === undefined) continue
    const positions = task.reads === 'positions' ? row.latent.positions : undefined
    const by = { share: own.share, temperature: taught.temperature, positions }
    loss += task.distil(z, own.outputs, by, to)
  }
  return { loss, gradient: into.all }
}

/** The mean length of the completions among all rows of a step, each counted by its share; undefined without any. */
function meanTokens(rows: readonly TrainRow[], { texts }: Pick<Task, 'texts'>): number | undefined {
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

/** a/k · Σ (z − h)² over the k outputs that both have, of each position; adds its gradient. */
function pull(
  z: Float32Array,
  h: Float32Array,
  { a, positions }: { readonly a: number; readonly positions: number },
  to: Float32Array,
): number {
  const [own, kept] = [z.length / positions, h.length / positions]
  const known = Math.min(own, kept)
  const share = Math.fround(a / (known * positions))
  let loss = 0
  for (let position = 0; position < positions; position += 1)
    for (let k = 0; k < known; k += 1) {
      const at = position * own + k
      const distance = (z[at] ?? 0) - (h[position * kept + k] ?? 0)
      loss += share * distance * distance
      to[at] = (to[at] ?? 0) + 2 * share * distance
    }
  return loss
}

interface GradientParts {
  readonly engine: AdapterEngine
  readonly task: Task
  readonly regularizer: Regularizer
  readonly head: Head
  readonly statistics: Tensors
  /** The weights of the step. Read only where the regularizer projects, because reading may copy them. */
  readonly parameters: () => Tensors
  /** The seed of the step's dropout. */
  readonly seed: string | number
  /** Whether the logits of the step are read. */
  readonly needsLogits: boolean
}

/**
 * The gradient that a step follows, without a penalty on the weights: that of the loss on its rows, with a teacher's outputs if
 * the regularizer has a teacher. If it projects, new and replayed rows have a gradient each, and it makes one of both.
 */
export function gradientsOf(rows: readonly TrainRow[], parts: GradientParts): Gradients {
  const { engine, task, regularizer, head, statistics, seed, needsLogits } = parts
  const taught = taughtIn(rows, parts)
  const drift = driftOf(rows, parts)
  const of = (some: readonly TrainRow[], part = 'all') => {
    const mean = meanTokens(some, task)
    const step = { task, head, statistics, taught, drift, meanTokens: mean }
    return engine.gradients(
      some,
      (group, outputs, into) => lossOf(group, outputs, some.length, step, into),
      `${seed}/${part}`,
      needsLogits,
    )
  }
  if (regularizer.project === undefined) return of(rows)
  const fresh = freshOf(rows)
  const replayed = rows.filter(({ isReplayed }) => isReplayed === true)
  if (fresh.length === 0 || replayed.length === 0) return of(rows)
  const [own, other] = [of(fresh, 'fresh'), of(replayed, 'replayed')]
  const like = parts.parameters()
  const followed = regularizer.project(shaped(own.gradients, like), shaped(other.gradients, like))
  return {
    loss: own.loss,
    gradients: new Map([...followed].map(([name, { data }]) => [name, data])),
    logits: [...own.logits, ...other.logits],
  }
}

function freshOf(rows: readonly TrainRow[]): readonly TrainRow[] {
  return rows.filter(({ isReplayed }) => isReplayed !== true)
}

function taughtIn(
  rows: readonly TrainRow[],
  { engine, regularizer }: GradientParts,
): TeacherOutputs | undefined {
  const teacher = regularizer.teacher?.()
  if (teacher === undefined) return undefined
  const fresh = freshOf(rows)
  if (fresh.length === 0) return undefined
  const latents = fresh.map(({ latent }) => latent)
  const outputs = engine.logitsWith(teacher.parameters, latents)
  const total = teacher.weight / fresh.length
  const taught = fresh.map((row, at) => {
    return [row, { outputs: outputs[at] ?? NONE, share: total * row.weight }] as const
  })
  return { temperature: teacher.temperature, rows: new Map(taught) }
}

/** How far the adapter has moved from the base, where the task measures it. Not differentiated. */
function driftOf(rows: readonly TrainRow[], { engine, task }: GradientParts): number | undefined {
  if (task.texts === undefined) return undefined
  const beside = rows.flatMap((row) => row.beside ?? [])
  return beside.length === 0 ? undefined : task.texts.drift(engine.logits(beside))
}

/** Gradients with the shapes of their parameters. */
export function shaped(gradients: Gradients['gradients'], like: Tensors): Tensors {
  return new Map(
    [...gradients].map(([name, data]) => [name, { shape: like.get(name)?.shape ?? [], data }]),
  )
}

/** The gradients of the loss and those of a penalty together. */
export function withPenalty(
  gradients: Gradients['gradients'],
  penalty: Tensors,
): Gradients['gradients'] {
  return new Map(
    [...gradients].map(([name, gradient]) => {
      const added = penalty.get(name)?.data
      if (added === undefined) return [name, gradient]
      const total = gradient.slice()
      for (let at = 0; at < total.length; at += 1) total[at] = (total[at] ?? 0) + (added[at] ?? 0)
      return [name, total]
    }),
  )
}
