/** The rules that feedback must pass at the door: those of every stream, and labels that the model may learn. */
import type { FeedbackEvent, Input } from '../../contracts/stream.ts'
import type { Task, Vocabulary } from '../../contracts/task.ts'
import { parseEvent, type EventLimits } from '../../intake/events/validate.ts'

export interface EventCheckOptions {
  readonly model: string
  /** The name of the source that reads the inbox. */
  readonly source: string
  readonly inputKind: Input['kind']
  readonly limits: EventLimits
  readonly task: Pick<Task, 'target'>
  /** Of the config. */
  readonly vocabulary: Vocabulary
  /** Throws for an input that the base cannot take, where finding that out is cheap. */
  readonly checkInput?: ((input: Input) => void) | undefined
}

export function eventCheck(options: EventCheckOptions): (bytes: Uint8Array) => FeedbackEvent {
  const { model, source, inputKind, limits, task, vocabulary, checkInput } = options
  return (bytes) => {
    const event = parseEvent(bytes, limits, { model, source, inputKind })
    if (event.input !== undefined) checkInput?.(event.input)
    // What a rating means is known only when its prediction is: the trainer looks.
    if (event.lesson.kind === 'label') task.target(event.lesson, undefined, vocabulary)
    return event
  }
}
