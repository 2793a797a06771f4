/**
 * Ends an update when more of it brings no gain: by the mean loss of the rows that it learns, or by that of rows that nothing
 * trains on.
 *
 * Prechelt (1998), "Early stopping – but when?", in Neural Networks: Tricks of the Trade.
 */
import type { TrainableState, StepResult } from '../../contracts/adapter.ts'
import type { Example } from '../../contracts/example.ts'
import { batches } from '../../optim/engines/batch.ts'
import type { LatentRequests, LearnerParts } from '../learner-types.ts'
import { latentOf } from './rehearsal.ts'

/** Due after this many passes in a row without a mean loss of the learned and replayed rows below the lowest so far. */
export class EarlyStop {
  readonly #patience: number
  #lowest = Infinity
  /** Passes since the lowest. */
  #since = 0
  #sum = 0
  #steps = 0

  /** 0 = never. */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** A step of the present pass. Dropped ones say nothing. */
  saw({ loss, dropped }: StepResult): void {
    if (dropped) return
    this.#sum += loss
    this.#steps += 1
  }

  /** Asked after each pass. */
  isDue(): boolean {
    const mean = this.#steps === 0 ? Infinity : this.#sum / this.#steps
    this.#since = mean < this.#lowest ? 0 : this.#since + 1
    this.#lowest = Math.min(mean, this.#lowest)
    this.#sum = 0
    this.#steps = 0
    return this.#patience > 0 && this.#since >= this.#patience
  }
}

type WatchParts = Pick<LearnerParts, 'trainable' | 'task' | 'train'>

/**
 * Due after this many steps without a lower loss of held-out rows. The weights and the optimizer of the step with the lowest
 * loss stay, however many steps came after it.
 */
export class HeldOutWatch {
  readonly #parts: WatchParts
  readonly #rows: readonly Example[]
  /** 0 = never. */
  readonly #patience: number
  #lowest = Infinity
  /** Steps since the lowest. */
  #since = 0
  #best: TrainableState | undefined

  constructor(rows: readonly Example[], parts: WatchParts) {
    this.#parts = parts
    this.#rows = rows
    this.#patience = rows.length === 0 ? 0 : (parts.train.early_stop?.patience ?? 0)
  }

  /** Whether the update must end now. */
  get isDue(): boolean {
    return this.#patience > 0 && this.#since >= this.#patience
  }

  /** After a step; does nothing where nothing is held out. */
  *look(): LatentRequests {
    if (this.#patience === 0) return
    const { loss } = yield* meanScores(this.#rows, this.#parts)
    this.#since = loss < this.#lowest ? 0 : this.#since + 1
    this.#lowest = Math.min(loss, this.#lowest)
    if (this.#since === 0) this.#best = this.#parts.trainable.snapshot()
  }

  /** At the end of the update. */
  restoreBest(): void {
    if (this.#best !== undefined && this.#since > 0) this.#parts.trainable.restore(this.#best)
  }
}

/** How the present weights answer rows that they do not learn. */
export function* meanScores(
  rows: readonly Example[],
  { trainable, task, train }: WatchParts,
): LatentRequests<{ readonly accuracy: number; readonly loss: number }> {
  let [right, loss] = [0, 0]
  for (const batch of batches(rows, train.batch + train.replay_batch)) {
    const latents = yield batch
    const logits = trainable.score(batch.map(({ key }) => latentOf(key, latents)))
    for (const [row, { target }] of batch.entries()) {
      const score = task.score(logits[row] ?? new Float32Array(), target, trainable.head)
      right += 1 - score.error
      loss += score.loss
    }
  }
  return { accuracy: right / rows.length, loss: loss / rows.length }
}
