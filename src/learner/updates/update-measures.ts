/**
 * What is measured after each update: how much lower the loss is on rows that it trained on (overfitting), and, where the
 * task answers with texts, how far the weights are from the base (KL divergence per token).
 */
import type { KlReport, LossGapReport } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import { LossGap, type SeenLosses } from '../../evaluation/loss-gap.ts'
import { batches } from '../../optim/engines/batch.ts'
import type { LatentRequests, LearnerParts, LearnerState } from '../learner-types.ts'
import { latentOf } from './rehearsal.ts'

type MeasuresState = Pick<LearnerState, 'lossGap' | 'kl'>

export class UpdateMeasures {
  readonly #parts: Pick<LearnerParts, 'trainable' | 'train'>
  readonly #lossGap: LossGap | undefined
  #kl: KlReport | undefined

  constructor(parts: Pick<LearnerParts, 'trainable' | 'train' | 'lossGap'>) {
    this.#parts = parts
    this.#lossGap = parts.lossGap && new LossGap(parts.lossGap)
  }

  get lossGap(): LossGapReport | undefined {
    return this.#lossGap?.report
  }

  get kl(): KlReport | undefined {
    return this.#kl
  }

  observeLosses(losses: SeenLosses): void {
    this.#lossGap?.observe(losses)
  }

  *measureKl(examples: readonly Example[], from: KlReport['from']): LatentRequests {
    const { trainable, train } = this.#parts
    if (trainable.divergences === undefined || examples.length === 0) return
    let sum = 0
    for (const batch of batches(examples, train.batch)) {
      const latents = yield batch
      const found = trainable.divergences(batch.map(({ key }) => latentOf(key, latents)))
      sum += found.reduce((total, value) => total + value, 0)
    }
    this.#kl = { per_token: sum / examples.length, rows: examples.length, from }
  }

  snapshot(): MeasuresState {
    const lossGap = this.#lossGap?.snapshot()
    return { ...(lossGap && { lossGap }), ...(this.#kl && { kl: this.#kl }) }
  }

  restore({ lossGap, kl }: MeasuresState): void {
    this.#lossGap?.restore(lossGap ?? null)
    this.#kl = kl
  }
}
