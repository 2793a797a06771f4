/** What a checkpoint of a model's trainer has in it: everything that a start reads back. */
import type { EventLog } from '../checkpoint/event-log/event-log.ts'
import type { Forgetting } from '../checkpoint/forgetting.ts'
import type { Journals } from '../checkpoint/journals.ts'
import type { Change, Identity, LearnerSnapshot, Stamp } from '../checkpoint/saved.ts'
import type { SetAside } from '../checkpoint/set-aside-events.ts'
import type { HeldOut } from '../evaluation/held-out.ts'
import type { RowHistory } from '../evaluation/row-history.ts'
import type { ServedScores } from '../evaluation/served-scores.ts'
import type { Dedupe } from '../intake/dedupe/dedupe.ts'
import type { PendingJoins } from '../intake/join.ts'
import type { Ahead } from '../intake/retraction.ts'
import type { Defence } from '../learner/defence/defence.ts'
import type { Raters } from '../learner/defence/raters.ts'
import type { Learner } from '../learner/learner.ts'
import type { PendingTraces } from './admission/pending-traces.ts'
import type { Trials } from './routing/trials.ts'
import type { Snapshots } from './snapshots.ts'
import type { TrainerProgress } from './trainer-progress.ts'

export interface CheckpointedState {
  readonly identity: Identity
  readonly learner: Learner
  readonly learnerState: LearnerSnapshot
  readonly progress: TrainerProgress
  readonly journals: Journals
  readonly turn: number
  readonly dedupe: Dedupe
  readonly waiting: PendingJoins
  readonly setAside: SetAside
  readonly ahead: Ahead
  readonly heldOut: HeldOut
  readonly compared: RowHistory
  readonly served: ServedScores
  readonly trials: Trials
  readonly log: EventLog
  readonly forgetting: Forgetting
  readonly retired: readonly string[]
  readonly snapshots: Snapshots
  readonly defence: Defence | undefined
  readonly raters: Raters
  readonly traces: PendingTraces | undefined
}

export interface SavedAs {
  readonly stamp: Stamp
  /** The version that the learner's state is also kept for, so that a rollback finds it. */
  readonly snapshot: string | undefined
  /** The promotion policy compares answers to held-out rows. */
  readonly isCompared: boolean
  readonly arithmetic: string | undefined
}

export function checkpointOf(
  state: CheckpointedState,
  { stamp, snapshot, isCompared, arithmetic }: SavedAs,
): Change {
  const { learner, progress, dedupe, trials, heldOut, compared, forgetting } = state
  const { live } = progress.state
  const { pending } = learner
  const trigger = learner.triggerState()
  const raters = state.raters.snapshot()
  return {
    identity: state.identity,
    stamp,
    progress: {
      ...progress.state,
      trigger,
      turn: state.turn,
      newestMs: state.waiting.newestMs,
      setAsideNext: state.setAside.next,
      line: dedupe.line,
      rollout: trials.state,
      ...(arithmetic !== undefined && { arithmetic }),
      ...(state.defence && { defence: state.defence.snapshot() }),
      ...(raters.length > 0 && { raters }),
    },
    positions: progress.positions,
    journals: state.journals,
    ...state.learnerState,
    ...(state.traces && { traces: state.traces.state }),
    waiting: state.waiting.events,
    setAside: state.setAside.entries,
    ahead: state.ahead.state,
    ...(heldOut.isOn && { heldOut: heldOut.snapshot() }),
    ...(isCompared && { compared: compared.snapshot() }),
    served: state.served.change,
    log: state.log.change,
    ...(forgetting.tasks.length > 0 && { forgetting: forgetting.saved(state.log.again.size) }),
    ...(state.retired.length > 0 && { retired: state.retired }),
    seen: dedupe.fresh,
    retracted: state.snapshots.retracted,
    protected: [
      ...[live?.version, live?.previous].flatMap((version) => version ?? []),
      ...trials.versions,
      // If a candidate is shown to be worse than one of these, the line may go back to it.
      ...compared.periods.map(({ last }) => last),
    ],
    ...(snapshot !== undefined && {
      snapshot: {
        version: snapshot,
        line: dedupe.lineWithout(pending.map(({ key }) => key)),
        trigger,
      },
    }),
  }
}
