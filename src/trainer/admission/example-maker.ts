/** Makes the example of an event: what the network reads, and the target that its signal means for the task. */
import {
  isRetraction,
  type FeedbackEvent,
  type Input,
  type ServedPrediction,
} from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { Example } from '../../contracts/example.ts'
import { encodeExample, placedTarget } from '../../intake/encode-example.ts'
import type { WaitingEvent } from '../../intake/join.ts'
import { failure } from '../../platform/errors.ts'
import type { PrefetchedEvent } from '../sources/prefetcher.ts'
import type { AdmissionParts } from './parts.ts'

/** Facts that accompany an event. */
export interface KnownParts {
  /** The answer that it judges. */
  readonly served?: ServedPrediction
  readonly prefetched?: PrefetchedEvent | undefined
}

export class ExampleMaker {
  readonly #parts: Pick<AdmissionParts, 'loop' | 'learner'>

  constructor(parts: Pick<AdmissionParts, 'loop' | 'learner'>) {
    this.#parts = parts
  }

  /** Throws a coded error for an event that no example can be made of. */
  of({ key, event, received }: WaitingEvent, { served, prefetched }: KnownParts): Example {
    const { predictionId, slice, timeMs = received.record.timeMs } = event
    const input = this.#input(event, served)
    const encoded = prefetched?.encoded ?? this.encode(input, event, served)
    const target = this.#target(event, served)
    return {
      key,
      source: event.source,
      id: event.id,
      encoded,
      target: input === undefined ? target : this.#placed(target, input, encoded),
      weight: event.weight,
      ...(predictionId !== undefined && { predictionId }),
      ...(timeMs !== undefined && { timeMs }),
      ...(slice !== undefined && { slice }),
    }
  }

  /** Undefined if `encode` needs nothing before it. */
  prepare(input: Input): Promise<void> | undefined {
    const { base, maxTokens } = this.#parts.loop.encoding
    return base.prepare?.(input, maxTokens)
  }

  encode(input: Input | undefined, event: FeedbackEvent, served?: ServedPrediction): EncodedRow {
    const { encoding, task } = this.#parts.loop
    const { base, maxTokens, onCut } = encoding
    if (input === undefined) throw failure('EVENT_INVALID', 'neither input nor prediction_id')
    if (task.texts === undefined) return base.encode(input, maxTokens)
    const target = this.#target(event, served)
    const encoded = encodeExample({ input, target }, task, base, maxTokens)
    if (encoded.dropped !== undefined) onCut?.()
    return encoded
  }

  #input({ input, signal }: FeedbackEvent, served: ServedPrediction | undefined) {
    const { choices } = this.#parts.loop.task
    if (input !== undefined || served === undefined || choices === undefined)
      return input ?? served?.input
    return isRetraction(signal) ? undefined : choices.inputOf(served.input, signal)
  }

  #target(event: FeedbackEvent, served: ServedPrediction | undefined): Example['target'] {
    const { loop, learner } = this.#parts
    return loop.task.target(event.signal, served?.answer, learner.head, served?.isCut)
  }

  #placed(target: Example['target'], input: Input, row: EncodedRow): Example['target'] {
    const { encoding, task } = this.#parts.loop
    return placedTarget(target, { input, row }, task, encoding.base)
  }
}
