/**
 * Turns the records of a source into events. One topic may feed several models: admission skips events that name
 * another model.
 */
import { CodedError } from '../contracts/core.ts'
import { isRetraction, type FeedbackEvent } from '../contracts/event.ts'
import type { InputKind, SignalKind } from '../contracts/payload.ts'
import type { SourceRecord } from '../contracts/source.ts'
import {
  checkSignature,
  coveredEvent,
  openMessage,
  type SignedSources,
} from './signatures/signed-sources.ts'
import { eventSize, parseEvent, type EventLimits } from './events/validate.ts'

export interface RecordParserOptions {
  readonly limits: EventLimits
  /** What the model's base reads. */
  readonly reads: readonly InputKind[]
  /** The kinds of feedback that the model's task learns from. */
  readonly signals: readonly SignalKind[]
  readonly onUnknownKey: () => void
  /** Absent = no source has to be signed. */
  readonly signed?: SignedSources | undefined
  /** The connector that checked its events when they arrived. */
  readonly checked?: string
}

/** The parser throws a coded error for a record that is no event. `connector` is the name of the source. */
export function recordParser({ limits, signed, checked, ...options }: RecordParserOptions) {
  return (record: SourceRecord, connector: string): FeedbackEvent => {
    const { value, headers, timeMs, refused } = record
    if (refused !== undefined) throw new CodedError(refused.code, refused.reason)
    const texts = textOnly(headers)
    const context = {
      ...options,
      source: connector,
      headers: texts,
      ...(timeMs !== undefined && { timeMs }),
    }
    if (signed === undefined) return parseEvent(value, limits, context)
    const message = openMessage(value, lowerCased(texts), eventSize(limits, options.reads))
    const event = parseEvent(message.bytes, limits, context)
    if (!signed.has(event.source)) return withoutSigned(event, signed)
    if (connector !== checked) checkSignature(event, message.signed, signed, timeMs)
    const covered = coveredEvent(event, message.signed, (own) =>
      parseEvent(message.bytes, limits, { ...context, ...own, headers: plain(texts) }),
    )
    return withoutSigned(covered, signed)
  }
}

/** A retraction that names no source passes no check of a signature: it reaches no event that needs one. */
function withoutSigned(event: FeedbackEvent, signed: SignedSources): FeedbackEvent {
  const { signal } = event
  if (!isRetraction(signal) || signal.anySource !== true) return event
  return { ...event, signal: { ...signal, exceptSources: [...signed.keys()] } }
}

function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return Object.fromEntries(entries) as Readonly<Record<string, string>>
}

/** Without the envelope of a CloudEvent. */
function plain(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([name]) => !/^ce[-_]/i.test(name)))
}

/** The envelope of a CloudEvent is text; other headers are only kept. */
function textOnly(headers: SourceRecord['headers'] = {}): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
