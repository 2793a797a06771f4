/**
 * The gradient that a step follows: that of the loss on its rows, with a teacher's outputs if the regularizer has a
 * teacher. If it projects, new and replayed rows have a gradient each, and it makes one of both.
 */
import type { TrainRow } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Head } from '../contracts/example.ts'
import type { Regularizer } from '../contracts/policy.ts'
import type { Task } from '../contracts/task.ts'
import type { AdapterEngine, Gradients } from './engine-adapter.ts'
import { lossOf, meanTokens, type TeacherOutputs, taughtBy } from './loss.ts'

export interface GradientParts {
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

/** The gradient of the loss alone, without a penalty on the weights. */
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
  return taughtBy(teacher, fresh, engine.logitsWith(teacher.parameters, latents))
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
