/** The rules that feedback must pass on arrival: those of every stream, and what the model may learn. */
import type { FeedbackEvent, Input } from '../../../contracts/stream.ts'
import type { Task } from '../../../contracts/task.ts'
import { parseEvent, type EventLimits } from '../../../intake/events/validate.ts'

export interface EventCheckOptions {
  readonly model: string
  /** The name of the source that reads the inbox. */
  readonly source: string
  readonly inputKind: Input['kind']
  readonly limits: EventLimits
  readonly task: Pick<Task, 'admit' | 'view'>
  /** Throws for an input that the base cannot take, where finding that out is cheap. */
  readonly checkInput?: ((input: Input) => void) | undefined
}

export function eventCheck(options: EventCheckOptions): (bytes: Uint8Array) => FeedbackEvent {
  const { model, source, inputKind, limits, task, checkInput } = options
  return (bytes) => {
    const { signals } = task.view
    const event = parseEvent(bytes, limits, { model, source, inputKind, signals })
    if (event.input !== undefined) checkInput?.(event.input)
    // What a rating means is known only when its prediction is: the trainer looks.
    task.admit(event.signal)
    return event
  }
}
