/** Refuses feedback with a code: for a model with a broken registry, and in a daemon that only trains. */
import type { CodedError } from '../../../contracts/core.ts'
import { roleTrainer } from '../../live/followed-model.ts'
import type { FeedbackService } from './feedback-service.ts'

export function brokenFeedback(error: CodedError): FeedbackService {
  return { take: async () => Promise.reject(error), unread: () => 0 }
}

export function feedbackElsewhere(model: string): FeedbackService {
  return brokenFeedback(roleTrainer(model))
}
