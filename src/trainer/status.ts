/** What the trainer of a model tells the server about it. */
import type { TrainerStatus } from '../contracts.ts'
import type { LoopParts } from './parts.ts'
import type { TrainerState } from './state.ts'

export function statusOf(
  { model, engine, tensors }: LoopParts,
  { learner, tally, waiting }: TrainerState,
  lag: number,
): Omit<TrainerStatus, 'state'> {
  const { accepted, duplicates, learned, rejected, steps, dropped } = tally.state
  return {
    model,
    lag,
    pending: learner.pendingCount,
    counts: { accepted, duplicates, learned, rejected, waiting: waiting.size },
    prequential: learner.scores,
    labels: learner.labels,
    steps,
    droppedSteps: dropped,
    tensors: tensors?.() ?? 0,
    residentBytes: process.memoryUsage.rss(),
    ...(engine !== undefined && { engine }),
  }
}
