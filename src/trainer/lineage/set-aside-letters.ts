/** Dead letters of events that were accepted before: with the record as it arrived, or with the part that is left. */
import { shownRow } from '../../payloads/rows.ts'
import type { CodedError } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import type { ReceivedRecord } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import type { SetAsideEntry } from '../../checkpoint/set-aside-events.ts'

export interface LetterParts {
  readonly letters: { add(received: ReceivedRecord, reason: CodedError): void }
  readonly task: Pick<Task, 'shown'>
}

/** Dropped because of the limit. */
export function letterOfGone(entry: SetAsideEntry, { letters, task }: LetterParts): void {
  const reason = 'set aside by a rollback, and too many events were set aside after it'
  letters.add(receivedOf(entry, task), failure('SET_ASIDE_FULL', reason))
}

export function receivedOf({ at, what }: SetAsideEntry, task: Pick<Task, 'shown'>): ReceivedRecord {
  if (what.kind === 'event') return what.event.received
  return receivedOfExample(what.example, { partition: 'set-aside', position: String(at) }, task)
}

/** An example has only its learned part left: its target, and its encoded input. */
export function receivedOfExample(
  example: Example,
  place: { readonly partition: string; readonly position: string },
  task: Pick<Task, 'shown'>,
): ReceivedRecord {
  const value = new TextEncoder().encode(JSON.stringify(plain(example, task)))
  const { timeMs } = example
  return {
    connector: example.source,
    record: { ...place, next: place.position, value, ...(timeMs !== undefined && { timeMs }) },
  }
}

function plain(
  { source, id, target, weight, encoded, predictionId, timeMs, slice }: Example,
  task: Pick<Task, 'shown'>,
) {
  return {
    ...{ id, source },
    ...task.shown(target),
    weight,
    ...(predictionId !== undefined && { prediction_id: predictionId }),
    ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
    ...(slice !== undefined && { slice }),
    ...shownRow(encoded),
  }
}
