/**
 * Fresh weights learn the stored examples: for a policy that learns only from the replay buffer (GDumb), for the first
 * labelled examples (few-shot), and after the weights have learned data that must not stay.
 */
import type {
  TrainableState,
  EmbeddingTraining,
  StepResult,
  Trainable,
} from '../../contracts/adapter.ts'
import type { Example } from '../../contracts/example.ts'
import type { LatentRequests, LearnerParts, Trust } from '../learner-types.ts'
import type { Pending } from '../pending.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'
import { hasIds } from '../../payloads/rows.ts'
import type { EmbeddedRow, FewShot } from '../../contracts/policy.ts'
import { isSilent, onlyColumn, type Task } from '../../contracts/task.ts'
import { batches } from '../../optim/engines/batch.ts'
import type { Training } from './training.ts'
import { latentOf } from './rehearsal.ts'

interface RelearningParts extends Pick<
  LearnerParts,
  'trainable' | 'task' | 'train' | 'fewShot' | 'freshParameters' | 'trust'
> {
  readonly replayBuffer: ReplayBuffer
  readonly training: Training
  readonly pending: Pick<Pending, 'extend'>
}

export class Relearning {
  readonly #parts: RelearningParts
  /** Each update starts here, for a policy that learns only from the replay buffer. */
  readonly #start: TrainableState | undefined

  constructor(parts: RelearningParts) {
    this.#parts = parts
    const { replayBuffer, trainable } = parts
    if (replayBuffer.rehearsal.passes !== undefined) this.#start = trainable.snapshot()
  }

  /** The policy learns a new example only by keeping it in the replay buffer. */
  get isFromBufferAlone(): boolean {
    return this.#start !== undefined
  }

  /** Puts the zero-initialised adapter in place; the head keeps its outputs. */
  restart(): void {
    const { trainable, freshParameters } = this.#parts
    const { head } = trainable
    trainable.restore({ head, tensors: freshParameters(head), steps: 0 })
  }

  /** For a policy that learns from the buffer alone: its passes over all that is kept, the new block included. */
  *fromBuffer(): LatentRequests {
    const { trainable, training, pending } = this.#parts
    const { head } = trainable
    if (this.#start !== undefined) trainable.restore(this.#start)
    pending.extend(head)
    yield* training.learnAll()
  }

  /** Learns the stored examples as often as a stream of them would have rehearsed them. */
  *kept(): LatentRequests {
    const { trainable, train, training, replayBuffer } = this.#parts
    this.restart()
    const isOnce = trainable.learnsOnce === true
    const passes = isOnce ? 1 : Math.ceil((train.batch + train.replay_batch) / train.batch)
    training.beginPass(passes * replayBuffer.size)
    yield* training.learnAll(passes)
  }

  /** Whether the few-shot policy learns the next block; `before` and `after`: examples learned without and with it. */
  isFewShotDue(learned: { readonly before: number; readonly after: number }): boolean {
    const { fewShot, trainable } = this.#parts
    if (fewShot === undefined || fewShot.isOff === true) return false
    if (trainable.embedding === undefined || this.isFromBufferAlone) return false
    return fewShot.isDue(learned)
  }

  /**
   * Learns all that is kept and the block by the few-shot policy, and the rest, which names no class, by ordinary steps.
   * Returns false, and changes no weights, if there are too few classes or a step was dropped: ordinary steps find the
   * examples that are at fault.
   */
  *fewShot(block: readonly Example[]): LatentRequests<boolean> {
    const { trainable, fewShot: policy, task, trust, training, replayBuffer } = this.#parts
    const { embedding } = trainable
    const inBlock = new Set(block.map(({ key }) => key))
    const kept = replayBuffer.examples.filter(({ key }) => !inBlock.has(key))
    const all = [...kept, ...block]
    const chosen = usable(all, { task, trainable })
    const strata = new Set(chosen.flatMap(({ target }) => task.strata(target)))
    if (policy === undefined || embedding === undefined || strata.size < 2) return false
    const before = trainable.snapshot()
    this.restart()
    const isLearned = yield* learnFewShot(chosen, {
      ...{ policy, trainable, embedding, task, trust },
      shuffle: (items) => replayBuffer.shuffle(items),
      onStep: (examples, result) => {
        training.steps.count(examples, result)
      },
    })
    if (!isLearned) {
      trainable.restore(before)
      return false
    }
    const taught = new Set(chosen.map(({ key }) => key))
    const isOwn = ({ key, target }: Example) =>
      !taught.has(key) && (inBlock.has(key) || !isSilent(task, target))
    yield* training.pass(all.filter(isOwn))
    return true
  }
}

interface FewShotParts {
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

/**
 * The learner's side of `FewShot`: fresh weights learn the embedding of all that is kept, then the head is fitted to it.
 * Whether it has learned them; false as soon as a step is dropped, with weights that must be restored.
 */
function* learnFewShot(examples: readonly Example[], parts: FewShotParts): LatentRequests<boolean> {
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
function usable(
  examples: readonly Example[],
  { task, trainable }: Pick<FewShotParts, 'task' | 'trainable'>,
): readonly Example[] {
  return examples.filter(({ target }) => {
    if (isSilent(task, target)) return false
    return onlyColumn(task, target, trainable.head)?.isRight === true
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
    column: onlyColumn(task, example.target, trainable.head)?.at ?? -1,
    weight: certainty(trust?.(example)) * example.weight,
  }))
}

/** A pair has no soft label: a doubtful example weighs less, and one that is more likely wrong than right has no weight. */
function certainty({ weight, doubt }: Trust = { weight: 1, doubt: 0 }): number {
  return weight * Math.max(0, 1 - 2 * doubt)
}
