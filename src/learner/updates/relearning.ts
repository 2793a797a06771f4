/**
 * Fresh weights learn the stored examples: for a policy that learns only from the replay buffer (GDumb), for the first
 * labelled examples (few-shot), and after the weights have learned data that must not stay.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Example } from '../../contracts/example.ts'
import { learnFewShot, usable } from './few-shot.ts'
import type { LatentRequests, LearnerParts } from '../learner-types.ts'
import type { Pending } from '../pending.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'
import type { Training } from './training.ts'

export interface RelearningParts extends Pick<
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
    const strata = new Set(chosen.map(({ target }) => task.stratum(target)))
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
      !taught.has(key) && (inBlock.has(key) || !task.silent.includes(task.stratum(target)))
    yield* training.pass(all.filter(isOwn))
    return true
  }
}
