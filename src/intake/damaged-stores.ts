/** Stores whose file is damaged: they accept nothing and count nothing, while the model keeps answering. */
import type { CodedError } from '../contracts/core.ts'
import type { Ask } from '../platform/store/fault-log.ts'
import type { Inbox } from './inbox/inbox.ts'
import type { DeadLetters } from './dead-letters/dead-letters.ts'
import type { PredictionStore } from './predictions/predictions.ts'

const nothing = async () => Promise.resolve()

export function brokenInbox(error: CodedError): Inbox {
  return {
    append: async () => Promise.reject(error),
    refuse: nothing,
    unread: () => 0,
    marks: () => ({ end: 0, consumed: 0 }),
    duplicates: () => 0,
    offsetOf: () => undefined,
    forgotten: () => 0,
    close: nothing,
  }
}

/** A damaged page shows itself at the first look, not when the file is opened. */
export function probedInbox(inbox: Inbox): Inbox {
  inbox.unread()
  inbox.duplicates()
  inbox.forgotten()
  return inbox
}

/** Its numbers are read at each scrape: if a page is damaged meanwhile, this model loses a number. */
export function guardedInbox(inbox: Inbox, ask: Ask): Inbox {
  const none = { end: 0, consumed: 0 }
  return {
    append: async (events, undone) => inbox.append(events, undone),
    refuse: async (hashes) => inbox.refuse(hashes),
    unread: () => ask(() => inbox.unread(), 0),
    marks: () => ask(() => inbox.marks(), none),
    duplicates: () => ask(() => inbox.duplicates(), 0),
    offsetOf: (event) => inbox.offsetOf(event),
    forgotten: () => ask(() => inbox.forgotten(), 0),
    close: async () => inbox.close(),
  }
}

export function brokenDeadLetters(error: CodedError): DeadLetters {
  const refuse = (): never => {
    throw error
  }
  return {
    write: async () => Promise.reject(error),
    counts: () => ({}),
    gone: () => 0,
    list: () => [],
    unsent: { next: () => [], sent: () => 0, count: () => 0 },
    pages: { page: refuse, find: refuse, remove: refuse, kept: () => ({}) },
    close: async () => Promise.resolve(),
  }
}

/** A damaged page shows itself at the first look, not when the file is opened. */
export function probedDeadLetters(letters: DeadLetters): DeadLetters {
  letters.counts()
  letters.gone()
  return letters
}

export function guardedDeadLetters(letters: DeadLetters, ask: Ask): DeadLetters {
  return {
    ...letters,
    gone: () => ask(() => letters.gone(), 0),
    counts: () => ask(() => letters.counts(), {}),
  }
}

/**
 * Predictions that nothing keeps, because their file is damaged: answers go on, and feedback cannot name them.
 */
export function predictionsNotKept(onDropped: (count: number) => void): PredictionStore {
  return {
    record: (predictions) => onDropped(predictions.length),
    flush: async () => Promise.resolve(),
    close: async () => Promise.resolve(),
  }
}
