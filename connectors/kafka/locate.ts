/** Where partitions would continue from a place that a person gives, and what that skips. */
import { CodedError } from '../../src/contracts/core.ts'
import type { LocatedRange, Positions } from '../../src/contracts/source.ts'
import type { Ends, EndsByPartition } from './ends.ts'
import { placeOf, placeText } from './place.ts'

/** `to`: `start`, `end`, or an offset for a topic with one partition. */
export function locate(
  to: string,
  from: Positions,
  ends: EndsByPartition,
): readonly LocatedRange[] {
  return [...ends].map(([partition, found]) => {
    const before = from[partition]
    const offset = offsetOf(to, found, ends.size)
    const place = { partition, from: before ?? null, to: placeText({ offset, id: found.id }) }
    return { ...place, ...passedOver(before, offset, partition, found) }
  })
}

function offsetOf(to: string, { low, high }: Ends, partitions: number): number {
  if (to === 'start') return low
  if (to === 'end') return high
  const offset = Number(to)
  if (/^\d{1,16}$/.test(to) && partitions === 1 && offset >= low && offset <= high) return offset
  const options = partitions === 1 ? `, or an offset from ${low} to ${high}` : ''
  throw new CodedError('USAGE', `${to} is not a place in this topic: give start, end${options}`)
}

function passedOver(before: string | undefined, offset: number, partition: string, ends: Ends) {
  const { low, high, id } = ends
  const place = placeOf(before ?? '0', partition)
  const isOther =
    (place.id !== undefined && id !== undefined && place.id !== id) || place.offset > high
  const read = isOther ? low : place.offset
  return {
    skipped: Math.max(0, offset - Math.max(read, low)),
    again: Math.max(0, read - offset),
    gone: isOther ? null : Math.max(0, low - read),
  }
}
