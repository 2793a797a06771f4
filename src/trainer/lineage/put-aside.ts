/**
 * Sets events aside after a rollback (law 11): the learner has gone back to a version, and everything that was accepted
 * since and still exists is set aside. Records that were not read yet follow by the barrier.
 */
import { CodedError, type Logger } from '../../contracts/core.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { EventLog } from '../../checkpoint/event-log/event-log.ts'
import type { Example, RememberedExample } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import type { LetterParts } from './set-aside-letters.ts'
import { letterOfGone } from './set-aside-letters.ts'
import type { SetAsideEvent, AsideFrom } from '../../checkpoint/set-aside-events.ts'
import type { TrainerState } from '../state.ts'

type AsideTask = Pick<Task, 'topics' | 'strata' | 'shown'>

/** A rollback that the learner has followed. */
export interface FollowedMove {
  readonly task: AsideTask
  readonly log: Logger
  /** The content of replay before the learner went back. */
  readonly before: readonly RememberedExample[]
  /** Only the replay buffer and the event log show which events the version has learned. */
  readonly isUnknown?: boolean
  readonly to: string
  readonly reason: string
  readonly timeMs: number
  /** All of it is learned again, in its order, before anything else is read. */
  readonly isRelearned?: boolean
}

/** The place of an event, and the version that the rollback went to. */
interface Aside {
  readonly was: AsideFrom
  readonly goneTo?: string | undefined
}

export function putAside(state: TrainerState, followed: FollowedMove): void {
  const { learner, waiting, progress, letters, log } = state
  const { task } = followed
  const parts = { task, progress, letters, log, setAside: state.setAside }
  const undone = learnedSince(state, followed)
  log.rolledBack(followed.to, followed.timeMs, followed.reason)
  const { to: goneTo, isRelearned = false } = followed
  const from = state.setAside.next
  const due = isRelearned ? state.setAside.entries.filter(({ isDue }) => isDue) : []
  if (!isRelearned) state.setAside.hold()
  for (const example of undone)
    setAside(exampleAside(example, { was: 'undone', goneTo }, task), parts)
  for (const example of learner.dropPending())
    setAside(exampleAside(example, { was: 'pending', goneTo }, task), parts)
  for (const event of waiting.events) {
    waiting.leave(event.key)
    // So that each record of the stream is counted as something.
    if (event.isCounted !== true) progress.count('accepted')
    setAside(eventAside(event, { was: 'waiting', goneTo }, task), parts)
  }
  // Events that were already waiting to be learned again come after all of these.
  for (const { at: _at, isDue: _due, ...event } of due)
    if ((state.setAside.get(event.key)?.at ?? from) < from) setAside({ ...event, goneTo }, parts)
  if (isRelearned) state.setAside.relearnFrom(from)
}

/**
 * Everything that the version has not learned, in the order in which it came: from the event log; before it, what replay
 * held and the log does not know, because it is older.
 */
function learnedSince(state: TrainerState, followed: FollowedMove): readonly Example[] {
  const { learner, dedupe, log } = state
  const { before, isUnknown = false, to } = followed
  const kept = new Set(learner.remembered.map(({ key }) => key))
  // In an order that does not depend on how often the trainer was restarted.
  const isUndone = ({ key }: RememberedExample) => !kept.has(key) && (isUnknown || !dedupe.has(key))
  const lines = [to, ...linesBefore(to, state)]
  const logged = loggedSince(lines, log, followed.log).filter(({ key }) => !kept.has(key))
  const replayed = before.filter((each) => isUndone(each) && log.stateOf(each.key) === undefined)
  return [...replayed.toSorted(byKey), ...logged]
}

/**
 * The last versions of earlier methods, from whose replay the fresh adapters of its line began: a rollback among the
 * versions of the new method undoes nothing of theirs.
 */
function linesBefore(to: string, { log, progress }: Pick<TrainerState, 'log' | 'progress'>) {
  const found: string[] = []
  const reached = new Set(log.versions.lineOf(to))
  // The newest first: an earlier method may have begun from a still earlier one.
  for (const { version, of, since } of (progress.state.rehearsed ?? []).toReversed()) {
    if (version !== undefined || !reached.has(since)) continue
    found.push(of)
    for (const id of log.versions.lineOf(of)) reached.add(id)
  }
  return found
}

/** A damaged row costs the rows behind it, and never the rollback: replay still has the newest. */
function loggedSince(
  [to = '', ...also]: readonly string[],
  log: EventLog,
  logger: Logger,
): readonly Example[] {
  const found: Example[] = []
  try {
    for (const { example } of log.learnedSince(to, also))
      if (example !== undefined) found.push(example)
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'STORE_CORRUPT') throw error
    logger.error({ to, err: error }, 'the event log is damaged: a part of it is not set aside')
  }
  return found
}

function byKey(one: Example, other: Example): number {
  return one.key < other.key ? -1 : Number(one.key > other.key)
}

/** The oldest go to the dead letters when there is no room. */
export function setAside(
  event: SetAsideEvent,
  state: LetterParts & Pick<TrainerState, 'setAside' | 'progress' | 'log'>,
): void {
  const { key, what } = event
  if (what.kind === 'event') state.log.setAside({ key }, { isNewer: true })
  else state.log.setAside({ key, example: what.example })
  for (const gone of state.setAside.add(event)) {
    letterOfGone(gone, state)
    state.log.wasSetAside(gone.key, eventStates.crowded_out)
    state.progress.count('rejected')
  }
}

export function eventAside(
  event: WaitingEvent,
  { was, goneTo }: Aside,
  task: Pick<Task, 'topics'>,
): SetAsideEvent {
  const { key, event: said, received } = event
  const timeMs = said.timeMs ?? received.record.timeMs
  const strata = task.topics(said.signal)
  return {
    ...{ key, was },
    ...(goneTo !== undefined && { goneTo }),
    ...(strata.length > 0 && { strata }),
    ...(timeMs !== undefined && { timeMs }),
    what: { kind: 'event', event },
  }
}

export function exampleAside(
  { logits: _logits, ...example }: RememberedExample,
  { was, goneTo }: Aside,
  task: Pick<Task, 'strata'>,
): SetAsideEvent {
  const { key, target, timeMs } = example satisfies Example
  return {
    ...{ key, was, strata: task.strata(target) },
    ...(goneTo !== undefined && { goneTo }),
    ...(timeMs !== undefined && { timeMs }),
    what: { kind: 'example', example },
  }
}
