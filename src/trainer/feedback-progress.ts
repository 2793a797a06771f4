/** How far a trainer is in the feedback that came over HTTP: what the server needs to say `lag` and to wait for an event. */
import type { FeedbackProgress } from './contract.ts'
import type { LoopParts } from './parts.ts'
import type { TrainerState } from './state.ts'

/** `isActing`: a record was taken, and what it asks for is not finished. */
export function feedbackProgress(
  { feedbackSource, sources, trigger }: LoopParts,
  { tally, learner }: TrainerState,
  isActing: boolean,
): FeedbackProgress | undefined {
  if (feedbackSource === undefined) return undefined
  if (!sources.some(({ name }) => name === feedbackSource)) return undefined
  const { spanFrom, generation } = tally.state
  const isOpen = isActing || (trigger.rest !== undefined && learner.pendingCount > 0)
  const settled = isOpen ? spanFrom : tally.positions
  return {
    read: tally.positions[feedbackSource] ?? {},
    settled: settled[feedbackSource] ?? {},
    generation,
  }
}
