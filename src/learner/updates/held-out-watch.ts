/**
 * Early stopping by rows that nothing trains on: their loss is measured after the steps of an update, and the weights
 * and the optimizer of the step with the lowest loss stay, however many steps came after it.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Example } from '../../contracts/example.ts'
import { batches } from '../../optim/batches.ts'
import { HeldOutStop } from '../../optim/early-stop.ts'
import type { LatentRequests, LearnerParts } from '../learner-types.ts'
import { latentOf } from './rehearsal.ts'

type WatchParts = Pick<LearnerParts, 'trainable' | 'task' | 'train'>

export class HeldOutWatch {
  readonly #parts: WatchParts
  readonly #rows: readonly Example[]
  readonly #stop: HeldOutStop
  #best: TrainableState | undefined
  /** No step came after the best. */
  #isBest = false

  constructor(rows: readonly Example[], parts: WatchParts) {
    this.#parts = parts
    this.#rows = rows
    this.#stop = new HeldOutStop(rows.length === 0 ? 0 : (parts.train.early_stop?.patience ?? 0))
  }

  /** Whether the update must end now. */
  get isDue(): boolean {
    return this.#stop.isDue
  }

  /** After a step; does nothing where nothing is held out. */
  *look(): LatentRequests {
    if (!this.#stop.isOn) return
    this.#isBest = this.#stop.saw(yield* this.#meanLoss())
    if (this.#isBest) this.#best = this.#parts.trainable.snapshot()
  }

  /** At the end of the update. */
  restoreBest(): void {
    if (this.#best !== undefined && !this.#isBest) this.#parts.trainable.restore(this.#best)
  }

  /** The mean loss of the present weights. */
  *#meanLoss(): LatentRequests<number> {
    const { trainable, task, train } = this.#parts
    let sum = 0
    for (const batch of batches(this.#rows, train.batch + train.replay_batch)) {
      const latents = yield batch
      const logits = trainable.score(batch.map(({ key }) => latentOf(key, latents)))
      for (const [row, { target }] of batch.entries())
        sum += task.score(logits[row] ?? new Float32Array(), target, trainable.head).loss
    }
    return sum / this.#rows.length
  }
}
