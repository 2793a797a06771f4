/**
 * What an update could not learn goes to the dead letters (law 9): the examples of a step that failed, or the whole block
 * where the result is unusable.
 */
import type { LearnerSnapshot } from '../../checkpoint/saved.ts'
import type { CodedError } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import { shownKey, LET_AGAIN } from '../../intake/events/event-key.ts'
import type { Outcome } from '../../learner/learner-types.ts'
import { failure } from '../../platform/errors.ts'
import { receivedOfExample } from '../lineage/set-aside-letters.ts'
import type { UpdaterParts } from './parts.ts'

type Parts = Pick<UpdaterParts, 'loop' | 'state'>

/** Events in one line of the log. */
const MOST_LOGGED = 100

/** Examples that no step learned go to the dead letters; examples that made a step fail are also forgotten. */
export function buryUnlearned({ unlearned = [], poison = [] }: Outcome, parts: Parts): void {
  if (poison.length > 0) parts.state.retract({ keys: poison, predictions: [] })
  const reason = 'a step with it failed: loss or gradient is not a number'
  for (const example of unlearned) bury(example, failure('STEP_DROPPED', reason), parts)
}

export function logDropped({ dropped, droppedKeys }: Outcome, version: string, parts: Parts): void {
  if (droppedKeys === undefined) return
  // Source and id of each, as far as they fit in a log line.
  const events = droppedKeys.slice(0, MOST_LOGGED).map(shownKey)
  const details = { version, steps: dropped, count: droppedKeys.length, events }
  parts.loop.log.warn(details, 'steps were dropped: loss or gradient is not a number')
}

/** An update with an unusable result. */
interface Unusable {
  /** The learner as it was before the update. */
  readonly before: LearnerSnapshot
  readonly block: readonly Example[]
  readonly outcome: Outcome
  readonly error: CodedError
}

/** Restores the learner, and logs and leaves out the events. */
export async function undoUpdate(
  { before, block, outcome, error }: Unusable,
  parts: Parts,
  signal: AbortSignal,
): Promise<void> {
  const { state, loop } = parts
  const events = block.slice(0, MOST_LOGGED).map(({ key }) => shownKey(key))
  const details = { err: error, code: error.code, count: block.length, events }
  loop.log.error(details, 'an update was undone: its result is not finite')
  state.restoreLearner(before)
  // The same steps would fail again.
  if (state.progress.state.rehearsal !== undefined) state.learner.updates.leaveRehearsal()
  // Its answers are not part of the past.
  state.compared.goTo(`v${state.progress.state.next - 1}`)
  for (const example of block) bury(example, error, parts)
  state.progress.undone(outcome)
  await state.save(signal)
}

function bury(example: Example, error: CodedError, { loop, state }: Parts): void {
  const { letters, progress, refused, dedupe, log } = state
  log.reject(example.key, error)
  dedupe.add(example.key, LET_AGAIN)
  const position = `${example.source}/${example.id}@${progress.accepted}`
  const place = { partition: 'learning', position }
  letters.add(receivedOfExample(example, place, loop.task), error)
  refused.push(example.key)
  progress.count('rejected')
}
