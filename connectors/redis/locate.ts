/** Where a stream would continue from a place that a person gives, and what that skips. */
import { CodedError } from '../../src/contracts/core.ts'
import type { LocatedRange } from '../../src/contracts/source.ts'
import { placeOf, placeText, start, type Place } from './place.ts'
import { lagAfter, type StreamInfo } from './stream.ts'

/** `to`: `start`, `end`, or a place in our own notation. */
export function locate(
  to: string,
  from: string | undefined,
  stream: string,
  info: StreamInfo | undefined,
): LocatedRange {
  const place = placeNamed(to, stream, info)
  const before = from === undefined ? start : placeOf(from, stream)
  const unread = info === undefined ? 0 : lagAfter(before, info).lag
  const left = info === undefined ? 0 : lagAfter(place, info).lag
  const removed = info === undefined ? 0 : info.added - info.length
  return {
    partition: stream,
    from: from ?? null,
    to: placeText(place),
    skipped: Math.max(0, unread - left),
    again: Math.max(0, left - unread),
    gone: before.count > (info?.added ?? 0) ? null : Math.max(0, removed - before.count),
  }
}

function placeNamed(to: string, stream: string, info: StreamInfo | undefined): Place {
  if (to === 'start' || info === undefined) return start
  if (to === 'end') return { id: info.last, count: info.added }
  if (/^\d{1,20}-\d{1,20}\/\d{1,15}$/.test(to)) return placeOf(to, stream)
  const message = `${to} is not a place in ${stream}: give start, end, or an id and the number of entries before it, such as 1700000000000-0/12`
  throw new CodedError('USAGE', message)
}
