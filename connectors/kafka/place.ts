/** A place in a partition as the checkpoint stores it: `1234@<topic id>`, or `1234` if the brokers have no ids. */
import { CodedError } from '../../src/contracts/core.ts'
import type { ContentId } from './partition.ts'

export interface Place {
  readonly offset: number
  readonly id: ContentId
}

export function placeText({ offset, id }: Place): string {
  return id === undefined ? String(offset) : `${offset}@${id}`
}

export function placeOf(text: string, partition: string): Place {
  const [, offset, id] = /^(\d{1,16})(?:@([\w-]{22}))?$/.exec(text) ?? []
  if (offset !== undefined && Number.isSafeInteger(Number(offset)))
    return { offset: Number(offset), id }
  const details = { partition, position: text }
  throw new CodedError('SOURCE_MISSING', `Kafka: no position ${partition} = ${text}`, { details })
}
