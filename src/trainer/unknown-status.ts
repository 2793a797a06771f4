/** The status of a model before its trainer has reported. */
import type { TrainerStatus } from './contract.ts'

export function unknownStatus(model: string): TrainerStatus {
  return {
    model,
    state: 'starting',
    lag: 0,
    pending: 0,
    counts: { accepted: 0, duplicates: 0, learned: 0, rejected: 0, waiting: 0 },
    prequential: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
    isBlank: true,
    head: [],
    steps: 0,
    droppedSteps: 0,
    tensors: 0,
    residentBytes: 0,
  }
}

/** In a daemon of the role `server`. */
export function answeringOnly(model: string): TrainerStatus {
  const message = 'this daemon only answers; another one trains'
  return { ...unknownStatus(model), state: 'standby', message }
}
