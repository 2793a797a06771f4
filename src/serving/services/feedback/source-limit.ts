/**
 * How many events of each source may come over HTTP: one that sends too many is asked to wait, and the others are not
 * disturbed. The limit counts all models together, so that a source cannot use one model to get around the limit of
 * another.
 */
import { isRetraction } from '../../../contracts/event.ts'
import type { Clock, CodedError } from '../../../contracts/core.ts'
import type { FeedbackEvent } from '../../../contracts/event.ts'
import { RateLimiter, type Rate } from '../../../platform/access/rate-limiter.ts'
import { failure } from '../../../platform/errors.ts'
import type { Metrics } from '../../../platform/metrics.ts'

export interface SourceRates {
  /** The rate of each source that has none of its own; absent = no limit. */
  readonly source?: Rate | undefined
  readonly sources: Readonly<Record<string, Rate>>
}

/** Counts one event of a source, or returns `SOURCE_RATE_LIMITED`. */
export type SourceLimit = (source: string) => CodedError | undefined

export interface SourceLimitOptions {
  /** Read at each event; undefined = no limits. */
  readonly rates: () => SourceRates | undefined
  readonly names: () => number
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'gauge' | 'onScrape'>
}

export function openSourceLimit({ rates, names, clock, metrics }: SourceLimitOptions): SourceLimit {
  const limiter = new RateLimiter({ clock, names })
  metrics.onScrape(() => {
    metrics.gauge('rateLimitedNames', { kind: 'source' }, limiter.size)
  })
  return (source) => {
    const { source: ofEach, sources = {} } = rates() ?? {}
    const rate = Object.hasOwn(sources, source) ? sources[source] : ofEach
    const refused = rate && limiter.take(source, rate)
    if (refused === undefined) return undefined
    const waitMs = Math.ceil(refused.waitMs)
    const events = rate?.per_second === 1 ? '1 event' : `${rate?.per_second} events`
    const text = `${source} may send ${events} per second: again in ${waitMs} ms`
    return failure('SOURCE_RATE_LIMITED', text, { details: { source, retry_after_ms: waitMs } })
  }
}

/** Whether an error asks its sender to wait. */
export function asksToWait({ code }: CodedError): boolean {
  return code === 'SOURCE_RATE_LIMITED'
}

/**
 * Whether an error is about the sender and says nothing about the event, which then is no dead letter: sending dead letters
 * again would get around the check.
 */
export function isOfSender(error: CodedError): boolean {
  return asksToWait(error) || error.code === 'SOURCE_REFUSED'
}

/** `SOURCE_REFUSED` if the sender may not speak for this source; without it one client could use up the rate of another. */
export function refusedSource(
  source: string,
  allowed: readonly string[] | undefined,
): CodedError | undefined {
  if (allowed === undefined || allowed.includes(source)) return undefined
  const text = `this key may not send events of ${JSON.stringify(source)}, only of ${allowed.join(', ')}`
  return failure('SOURCE_REFUSED', text, { details: { source, sources: [...allowed] } })
}

/**
 * `SOURCE_REFUSED` if the sender may not speak for what an event reaches: a retraction that names no source takes back
 * the event of any source.
 */
export function refusedEvent(
  { source, signal, predictionId }: Pick<FeedbackEvent, 'source' | 'signal' | 'predictionId'>,
  allowed: readonly string[] | undefined,
): CodedError | undefined {
  const isOfAny = isRetraction(signal) && signal.anySource === true
  if (allowed === undefined || !isOfAny || predictionId !== undefined)
    return refusedSource(source, allowed)
  const text = `this key may only retract events of ${allowed.join(', ')}, and the retraction names no source`
  const fix = 'name the source of the event beside its id'
  return failure('SOURCE_REFUSED', text, { details: { source, sources: [...allowed] }, fix })
}
