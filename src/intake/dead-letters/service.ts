/**
 * Dead letters for people: listed with their reason, sent again once the cause is gone, or dropped. Each replica has those
 * that it refused and those that its trainer could not use.
 */
import type { CodedError, Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { pageOf, type Page } from '../../platform/page.ts'
import type { DeadLetter } from '../../contracts/connector.ts'
import { attributesIn } from '../events/cloud-event.ts'
import { isObject, type JsonObject } from '../../payloads/reading.ts'
import type { DeadLetterPages, LetterQuery, NumberedLetter } from './dead-letters.ts'

/** Dead letters by number, or a page of those with a code, or of all. */
export type LetterChoice =
  | { readonly numbers: readonly number[] }
  | { readonly code?: string | undefined; readonly before?: number | undefined }

interface Resent {
  readonly accepted: number
  readonly duplicates: number
  /** These stay dead letters. */
  readonly rejected: readonly { readonly number: number; readonly error: CodedError }[]
  /** The `before` of the next call, if there is more. */
  readonly next?: number
}

export interface DeadLetterService {
  /** Newest first. */
  page(query: LetterQuery): Page<NumberedLetter, number>
  /** Letters that are kept now, by code. */
  counts(): Readonly<Record<string, number>>
  /** Throws `DEAD_LETTER_UNKNOWN`. */
  find(number: number): NumberedLetter
  /** At most 100 in one call. Throws `DEAD_LETTER_UNKNOWN`. */
  resend(choice: LetterChoice): Promise<Resent>
  /** Answers how many were dropped: at most 1,000 in one call. Throws `DEAD_LETTER_UNKNOWN`. */
  drop(choice: LetterChoice): Promise<number>
}

/** Takes messages as new feedback. A refused one is a dead letter already. */
type TakeAgain = (messages: readonly { readonly bytes: Uint8Array }[]) => Promise<{
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly { readonly index: number; readonly error: CodedError }[]
}>

/** Each is parsed again. */
const MOST_RESENT = 100
const MOST_DROPPED = 1000

export function openDeadLetterService(
  letters: DeadLetterPages,
  takeAgain: TakeAgain,
): DeadLetterService {
  const page = ({ limit, ...query }: LetterQuery) =>
    pageOf(letters.page({ limit: limit + 1, ...query }), limit, ({ number }) => number)

  const find = (number: number) => {
    const found = letters.find(number)
    if (found === undefined) throw failure('DEAD_LETTER_UNKNOWN', `there is no ${number}`)
    return found
  }

  const chosen = (choice: LetterChoice, limit: number): Page<NumberedLetter, number> =>
    'numbers' in choice ? { items: choice.numbers.map(find) } : page({ ...choice, limit })

  return {
    page,
    find,
    counts: () => letters.kept(),
    async resend(choice) {
      const { items, ...next } = chosen(choice, MOST_RESENT)
      const receipt = await takeAgain(items.map(({ letter }) => ({ bytes: messageOf(letter) })))
      const refused = new Map(receipt.rejected.map(({ index, error }) => [index, error]))
      const taken = items.filter((_, at) => !refused.has(at))
      await letters.remove(taken.map(({ number }) => number))
      const rejected = receipt.rejected.map(({ index, error }) => ({
        number: items[index]?.number ?? 0,
        error,
      }))
      return { accepted: receipt.accepted, duplicates: receipt.duplicates, rejected, ...next }
    },
    async drop(choice) {
      const { items } = chosen(choice, MOST_DROPPED)
      return letters.remove(items.map(({ number }) => number))
    },
  }
}

/**
 * Converts a dead letter to a message to send again. Data from outside the value is merged into it: the envelope of a
 * CloudEvent in binary mode, and the source, which is part of the event's identity.
 */
export function messageOf({ value, headers = {}, connector }: DeadLetter): Uint8Array {
  const event = parsed(value)
  if (!isObject(event)) return value
  const envelope = envelopeIn(headers)
  if (envelope !== undefined) return bytesOf({ specversion: '1.0', ...envelope, data: event })
  const isEnvelope = Object.hasOwn(event, 'specversion')
  return isEnvelope || event.source !== undefined ? value : bytesOf({ source: connector, ...event })
}

function parsed(value: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value)) as Json
  } catch {
    return undefined
  }
}

function bytesOf(event: Json): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(event))
}

function envelopeIn(headers: NonNullable<DeadLetter['headers']>): JsonObject | undefined {
  const envelope = attributesIn(headers)
  return envelope.id !== undefined && envelope.source !== undefined ? envelope : undefined
}
