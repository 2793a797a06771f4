/** Turns the records of a source into events. One topic may feed several models: admission skips what names another. */
import { CodedError } from '../../contracts/core.ts'
import type { FeedbackEvent, Input, SourceRecord } from '../../contracts/stream.ts'
import type { SignalKind } from './signal.ts'
import { parseEvent, type EventLimits } from './validate.ts'

export interface RecordParserOptions {
  readonly limits: EventLimits
  readonly inputKind: Input['kind']
  /** What the task of the model learns from. */
  readonly signals: readonly SignalKind[]
  readonly onUnknownKey: () => void
}

/** The parser throws a coded error for a record that is no event. `connector` is the name of the source. */
export function recordParser({ limits, ...options }: RecordParserOptions) {
  return (record: SourceRecord, connector: string): FeedbackEvent => {
    const { value, headers, timeMs, refused } = record
    if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
    return parseEvent(value, limits, {
      ...options,
      source: connector,
      headers: textOnly(headers),
      ...(timeMs !== undefined && { timeMs }),
    })
  }
}

/** The envelope of a CloudEvent is text; other headers are only kept. */
function textOnly(headers: SourceRecord['headers'] = {}): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
