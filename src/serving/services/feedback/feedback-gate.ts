/** Feedback as every surface gives it: refused when it would never be learned, and answered with how far the next update is. */
import type {
  FeedbackReceipt,
  FeedbackService,
  IncomingFeedback,
  TakeOptions,
} from './feedback-service.ts'
import type { TrainerView, TriggerHint } from '../served-model.ts'
import { refuseWhileFailed } from '../faults.ts'

export interface FeedbackGate {
  /** Throws the trainer's own code while feedback would never be learned. `give` does so too. */
  checkLearns(): void
  /** Resolves when everything accepted, and everything rejected, is on disk. */
  give(
    events: readonly IncomingFeedback[],
    sender?: Pick<TakeOptions, 'sources' | 'trace'>,
  ): Promise<FeedbackReceipt & Partial<NextUpdate>>
}

export interface NextUpdate {
  /** Events that wait for it, the accepted ones included. */
  readonly pending: number
  readonly trigger: TriggerHint
}

export interface FeedbackGateOptions {
  readonly model: string
  readonly feedback: Pick<FeedbackService, 'take'>
  readonly trainer: TrainerView
  /** Undefined if no count determines the next update. */
  readonly trigger: () => TriggerHint | undefined
}

export function openFeedbackGate(options: FeedbackGateOptions): FeedbackGate {
  const { model, feedback, trainer } = options
  const checkLearns = () => refuseWhileFailed(model, trainer.status(model))
  return {
    checkLearns,
    async give(events, sender) {
      checkLearns()
      const receipt = await feedback.take(events, sender)
      return { ...receipt, ...nextUpdate(options, receipt.accepted) }
    },
  }
}

/** The event accepted just now waits for it at least. */
function nextUpdate(options: FeedbackGateOptions, accepted: number): Partial<NextUpdate> {
  const { model, trainer } = options
  const trigger = options.trigger()
  if (trigger === undefined) return {}
  const { pending, lag } = trainer.status(model)
  return { pending: Math.max(accepted, trainer.unlearned?.(model) ?? pending + lag), trigger }
}
