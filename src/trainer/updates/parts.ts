/** What an update, and everything that may follow from it, works with. */
import type { LoopParts } from '../parts.ts'
import type { RetryPolicy } from '../../platform/retry.ts'
import type { Pointer } from '../routing/pointer.ts'
import type { LatentProvider } from '../sources/latents.ts'
import type { TrainerState } from '../state.ts'
import type { UpdateClock, ComputeMeter } from './meters.ts'

export interface UpdaterParts {
  readonly loop: LoopParts
  readonly state: TrainerState
  readonly retry: RetryPolicy
  readonly latents: LatentProvider
  readonly pointer: Pointer
  readonly times: UpdateClock
  readonly meter: ComputeMeter
}
