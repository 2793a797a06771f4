/** The parts of admission that its files share. */
import type { Decision, ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Dedupe } from '../../intake/dedupe/dedupe.ts'
import type { PendingJoins } from '../../intake/join.ts'
import type { EventLog } from '../../checkpoint/event-log/event-log.ts'
import type { HeldOut } from '../../evaluation/held-out.ts'
import type { ServedScores } from '../../evaluation/served-scores.ts'
import type { Ahead } from '../../intake/retraction.ts'
import type { Defence } from '../../learner/defence/defence.ts'
import type { Raters } from '../../learner/defence/raters.ts'
import type { Learner } from '../../learner/learner.ts'
import type { LatentMap } from '../../learner/learner-types.ts'
import type { RetractedKeys } from '../../checkpoint/saved.ts'
import type { TrainerProgress } from '../trainer-progress.ts'
import type { DeadLetterBuffer } from './dead-letter-buffer.ts'
import type { LoopParts } from '../parts.ts'
import type { PendingTraces } from './pending-traces.ts'
import type { Trials } from '../routing/trials.ts'
import type { RetryPolicy } from '../../platform/retry.ts'
import type { LatentProvider } from '../sources/latents.ts'
import type { Forgetting } from '../../checkpoint/forgetting.ts'
import type { SetAside } from '../../checkpoint/set-aside-events.ts'

export interface AdmissionParts {
  readonly loop: LoopParts
  readonly learner: Learner
  readonly progress: TrainerProgress
  readonly dedupe: Dedupe
  readonly waiting: PendingJoins
  readonly setAside: SetAside
  readonly ahead: Ahead
  readonly heldOut: Pick<HeldOut, 'takes' | 'about' | 'rows'>
  readonly served: Pick<ServedScores, 'judge' | 'knows'>
  readonly trials: Pick<Trials, 'judge'>
  readonly log: EventLog
  /** Absent = nothing is traced. */
  readonly traces?: Pick<PendingTraces, 'note'> | undefined
  readonly forgetting: Pick<Forgetting, 'refuses' | 'isErased' | 'tookAgain'>
  readonly letters: DeadLetterBuffer
  /** Keys of refused events are put here. */
  readonly refused: ExampleKey[]
  readonly latents: LatentProvider
  readonly retry: RetryPolicy
  readonly defence?: Defence | undefined
  readonly raters: Raters
  /** Prepares the defence for the next judgement, where it is outdated. */
  readonly onConsult?: (signal: AbortSignal) => Promise<void>
  /** An example that nothing trains on. */
  readonly onHoldOut: (example: Example, latents: LatentMap) => Decision<'wait'>
  /** The older examples that a newer signal replaces. */
  readonly onSupersede: (superseded: RetractedKeys, latents?: LatentMap) => void
  /** Keys to forget everywhere. */
  readonly onRetract: (retracted: RetractedKeys, latents?: LatentMap) => void
}

/** Whether an update is due. */
export type Due = boolean
