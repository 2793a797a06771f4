/** The rules that feedback must pass at the door: those of every stream, and labels that the model may learn. */
import type { FeedbackEvent, Input, Task } from '../contracts.ts'
import { parseEvent, type EventLimits } from '../intake/validate.ts'

export interface EventCheckOptions {
  readonly model: string
  /** The name of the source that reads the inbox. */
  readonly source: string
  readonly inputKind: Input['kind']
  readonly limits: EventLimits
  readonly task: Pick<Task, 'target'>
  /** The labels of the config; `open` = others may be learned too. */
  readonly labels: readonly string[]
  readonly open: boolean
}

export function eventCheck(options: EventCheckOptions): (bytes: Uint8Array) => FeedbackEvent {
  const { model, source, inputKind, limits, task, labels, open } = options
  return (bytes) => {
    const event = parseEvent(bytes, limits, { model, source, inputKind })
    // What a rating means is known only when its prediction is: the trainer looks.
    if (event.lesson.kind === 'label') task.target(event.lesson, undefined, labels, open)
    return event
  }
}
