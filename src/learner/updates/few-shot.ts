/**
 * The learner's side of `FewShot`: fresh weights learn the embedding of all that is kept, then the head is fitted to it.
 * A generator like the learner itself: it yields the examples that it needs latents of next.
 */
import { hasIds } from '../../payloads/rows.ts'
import type { EmbeddingTraining, StepResult, Trainable } from '../../contracts/adapter.ts'
import type { EmbeddedRow, FewShot } from '../../contracts/policy.ts'
import type { Example } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { batches } from '../../optim/engines/batch.ts'
import type { LatentRequests, Trust } from '../learner-types.ts'
import { latentOf } from './rehearsal.ts'

export interface FewShotParts {
  readonly policy: FewShot
  readonly trainable: Trainable
  readonly embedding: EmbeddingTraining
  readonly task: Task
  readonly trust?: ((example: Example) => Trust) | undefined
  readonly shuffle: <Item>(items: readonly Item[]) => readonly Item[]
  readonly onStep: (examples: readonly Example[], result: StepResult) => void
}

/** Batches that are sorted by length together: rows of a batch are padded to its longest. */
const SORTED = 8

/** Whether it has learned them; false as soon as a step is dropped, with weights that must be restored. */
export function* learnFewShot(
  examples: readonly Example[],
  parts: FewShotParts,
): LatentRequests<boolean> {
  const { policy, embedding } = parts
  const passes = Array.from({ length: policy.passes }, () => batchesByLength(examples, parts))
  const all = passes.flat()
  for (const [step, batch] of all.entries()) {
    const latents = yield batch
    const result = embedding.step(
      batch.map(({ key }) => latentOf(key, latents)),
      (embeddings) => policy.loss(embeddedRows(batch, embeddings, parts)),
      policy.factor(step, all.length),
    )
    parts.onStep(batch, result)
    if (result.dropped) return false
  }
  embedding.fitHead(yield* embedded(examples, parts), policy.penalty)
  return true
}

/** The examples that name their class. The others only rule out an answer, and are learned by ordinary steps. */
export function usable(
  examples: readonly Example[],
  { task, trainable }: Pick<FewShotParts, 'task' | 'trainable'>,
): readonly Example[] {
  return examples.filter(({ target }) => {
    if (task.silent.includes(task.stratum(target))) return false
    const { at, isRight } = task.classes?.column(target, trainable.head) ?? { at: -1 }
    return at >= 0 && isRight === true
  })
}

function batchesByLength(
  examples: readonly Example[],
  { policy, shuffle }: FewShotParts,
): readonly (readonly Example[])[] {
  const chunks = batches(shuffle(examples), SORTED * policy.batch)
  const found = [...chunks].flatMap((chunk) => [
    ...batches(
      [...chunk].sort((a, b) => lengthOf(a) - lengthOf(b)),
      policy.batch,
    ),
  ])
  // Wrapped, because `shuffle` flattens lists.
  return shuffle(found.map((batch) => ({ batch }))).map(({ batch }) => batch)
}

function lengthOf({ encoded }: Example): number {
  return hasIds(encoded) ? encoded.data.length : 1
}

/** Shortest first, so that little is padded. */
function* embedded(
  examples: readonly Example[],
  parts: FewShotParts,
): LatentRequests<readonly EmbeddedRow[]> {
  const rows: EmbeddedRow[] = []
  const sorted = [...examples].sort((a, b) => lengthOf(a) - lengthOf(b))
  for (const batch of batches(sorted, SORTED * parts.policy.batch)) {
    const latents = yield batch
    const embeddings = parts.embedding.of(batch.map(({ key }) => latentOf(key, latents)))
    rows.push(...embeddedRows(batch, embeddings, parts))
  }
  return rows
}

function embeddedRows(
  batch: readonly Example[],
  embeddings: readonly Float32Array[],
  { task, trainable, trust }: FewShotParts,
): readonly EmbeddedRow[] {
  return batch.map((example, at) => ({
    embedding: embeddings[at] ?? new Float32Array(),
    column: task.classes?.column(example.target, trainable.head).at ?? -1,
    weight: believed(trust?.(example)) * example.weight,
  }))
}

/** A pair has no soft label: a doubtful example weighs less, and one that is more likely wrong than right has no weight. */
function believed({ weight, doubt }: Trust = { weight: 1, doubt: 0 }): number {
  return weight * Math.max(0, 1 - 2 * doubt)
}
