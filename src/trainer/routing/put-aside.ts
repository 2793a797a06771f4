/**
 * Sets events aside after a rollback (law 11): the learner has gone back to a version, and everything that was accepted
 * since and still exists is set aside. Records that were not read yet follow by the barrier.
 */
import type { Example, Remembered, Task } from '../../contracts/task.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import type { LetterParts } from './set-aside-letters.ts'
import { letterOfGone } from './set-aside-letters.ts'
import type { SetAsideEvent, AsideFrom } from '../../checkpoint/set-aside-events.ts'
import type { TrainerState } from '../state.ts'

type AsideTask = Pick<Task, 'topic' | 'stratum' | 'shown'>

/**
 * `before`: the content of replay before the learner went back. `isUnknown`: only the replay buffer shows which events
 * the version has learned.
 */
export function putAside(
  before: readonly Remembered[],
  state: TrainerState,
  { task, isUnknown = false }: { readonly task: AsideTask; readonly isUnknown?: boolean },
): void {
  const { learner, waiting, progress, dedupe, letters } = state
  const parts = { task, progress, letters, setAside: state.setAside }
  const kept = new Set(learner.remembered.map(({ key }) => key))
  // In an order that does not depend on how often the trainer was restarted.
  const isUndone = ({ key }: Remembered) => !kept.has(key) && (isUnknown || !dedupe.has(key))
  const undone = before.filter(isUndone).toSorted(byKey)
  for (const example of undone) setAside(exampleAside(example, 'undone', task), parts)
  for (const example of learner.dropPending())
    setAside(exampleAside(example, 'pending', task), parts)
  for (const event of waiting.events) {
    waiting.leave(event.key)
    // So that each record of the stream is counted as something.
    if (event.isCounted !== true) progress.count('accepted')
    setAside(eventAside(event, 'waiting', task), parts)
  }
}

function byKey(one: Example, other: Example): number {
  return one.key < other.key ? -1 : Number(one.key > other.key)
}

/** The oldest go to the dead letters when there is no room. */
export function setAside(
  event: SetAsideEvent,
  state: LetterParts & Pick<TrainerState, 'setAside' | 'progress'>,
): void {
  for (const gone of state.setAside.add(event)) {
    letterOfGone(gone, state)
    state.progress.count('rejected')
  }
}

export function eventAside(
  event: WaitingEvent,
  was: AsideFrom,
  task: Pick<Task, 'topic'>,
): SetAsideEvent {
  const { key, event: said, received } = event
  const timeMs = said.timeMs ?? received.record.timeMs
  const stratum = task.topic(said.signal)
  return {
    ...{ key, was },
    ...(stratum !== undefined && { stratum }),
    ...(timeMs !== undefined && { timeMs }),
    what: { kind: 'event', event },
  }
}

function exampleAside(
  { logits: _logits, ...example }: Remembered,
  was: AsideFrom,
  task: Pick<Task, 'stratum'>,
): SetAsideEvent {
  const { key, target, timeMs } = example satisfies Example
  return {
    ...{ key, was, stratum: task.stratum(target) },
    ...(timeMs !== undefined && { timeMs }),
    what: { kind: 'example', example },
  }
}
