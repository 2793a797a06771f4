/**
 * A place in a Redis stream: the id of the last entry read, and the number of entries ever added up to it (Redis counts
 * them: `entries-added`). The count distinguishes unread entries that were trimmed from read ones, and gives the lag.
 */
import { CodedError } from '../../src/contracts/core.ts'

export interface Place {
  readonly id: string
  readonly count: number
}

/** Before the first entry: no entry has this id. */
export const start: Place = { id: '0-0', count: 0 }

export function isStart({ id }: Place): boolean {
  return id === start.id
}

export function placeText({ id, count }: Place): string {
  return `${id}/${count}`
}

export function placeOf(text: string | undefined, stream: string): Place {
  if (text === undefined) return start
  const [, id, count] = /^(\d{1,20}-\d{1,20})\/(\d{1,15})$/.exec(text) ?? []
  if (id !== undefined && count !== undefined) return { id, count: Number(count) }
  throw new CodedError('SOURCE_MISSING', `${stream}: "${text}" is not a place in a stream`, {
    details: { stream, position: text },
  })
}

/** Negative if `left` is the earlier id. Both halves are 64 bits wide. */
export function compareIds(left: string, right: string): number {
  const [leftMs = 0n, leftSequence = 0n] = left.split('-').map(BigInt)
  const [rightMs = 0n, rightSequence = 0n] = right.split('-').map(BigInt)
  if (leftMs !== rightMs) return leftMs < rightMs ? -1 : 1
  if (leftSequence === rightSequence) return 0
  return leftSequence < rightSequence ? -1 : 1
}
