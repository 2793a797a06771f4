/**
 * What stands in for a store that cannot be opened, so that one damaged file is the fault of one model, and of no more of
 * it than needs the file: without its inbox or its dead letters a model still answers, without its registry it does not.
 */
import { CodedError, type Logger } from '../contracts/core.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import type { Inbox } from '../intake/inbox/inbox.ts'
import type { PredictionStore } from '../intake/predictions/predictions.ts'
import type { LocalRegistry } from '../versions/local/local.ts'
import { brokenRegistry } from '../serving/live/broken-model.ts'
import type { Fault, FaultyPart } from '../serving/services/served-model.ts'

/** Of one model, while it is opened. */
export class Faults {
  readonly #log: Logger
  readonly #found: Fault[] = []

  constructor(log: Logger) {
    this.#log = log
  }

  get all(): readonly Fault[] {
    return this.#found
  }

  /** Why the model cannot answer, if it cannot. */
  get whole(): CodedError | undefined {
    const found = this.#found.find(({ part }) => part === 'model')
    return found?.error instanceof CodedError ? found.error : undefined
  }

  /** What `open` gives; for a damaged file what stands in for it. */
  async try<Part>(
    part: FaultyPart,
    open: () => Part | Promise<Part>,
    instead: (error: CodedError) => Part,
  ): Promise<Part> {
    try {
      return await open()
    } catch (error) {
      if (!isOfOneFile(error)) throw error
      this.note(part, error)
      return instead(error)
    }
  }

  /** The same while it runs. */
  ask<Answer>(part: FaultyPart, question: () => Answer, instead: Answer): Answer {
    try {
      return question()
    } catch (error) {
      if (!isOfOneFile(error)) throw error
      this.note(part, error)
      return instead
    }
  }

  /** Said once. */
  note(part: FaultyPart, error: CodedError): void {
    if (this.#found.some((each) => each.part === part)) return
    this.#found.push({ part, error })
    this.#log.error({ part, code: error.code, err: error }, 'a part of this model is broken')
  }
}

const codes = new Set(['STORE_CORRUPT', 'STORE_OUTDATED', 'STORE_FAILED', 'DATA_DIR_UNWRITABLE'])

function isOfOneFile(error: unknown): error is CodedError {
  return error instanceof CodedError && codes.has(error.code)
}

const nothing = async () => Promise.resolve()

export function noRegistry(error: CodedError): LocalRegistry {
  const refuse = async () => Promise.reject(error)
  const none = { wake: () => undefined, answersWith: () => undefined }
  return { ...brokenRegistry(error), ...none, pin: refuse, unpin: refuse, pins: refuse }
}

export function noDeadLetters(error: CodedError): DeadLetters {
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
    close: nothing,
  }
}

export function noInbox(error: CodedError): Inbox {
  return {
    append: async () => Promise.reject(error),
    unread: () => 0,
    marks: () => ({ end: 0, consumed: 0 }),
    duplicates: () => 0,
    forgotten: () => 0,
    close: nothing,
  }
}

/** Answers go on; feedback cannot name them. */
export function noPredictions(onDropped: (count: number) => void): PredictionStore {
  return {
    record: (predictions) => onDropped(predictions.length),
    flush: nothing,
    close: nothing,
  }
}

/** Its numbers are asked for at each scrape: a page that is damaged meanwhile costs this model a number. */
export function guardInbox(inbox: Inbox, faults: Faults): Inbox {
  const none = { end: 0, consumed: 0 }
  return {
    append: async (events, undone) => inbox.append(events, undone),
    unread: () => faults.ask('inbox', () => inbox.unread(), 0),
    marks: () => faults.ask('inbox', () => inbox.marks(), none),
    duplicates: () => faults.ask('inbox', () => inbox.duplicates(), 0),
    forgotten: () => faults.ask('inbox', () => inbox.forgotten(), 0),
    close: async () => inbox.close(),
  }
}

export function guardLetters(letters: DeadLetters, faults: Faults): DeadLetters {
  return {
    ...letters,
    gone: () => faults.ask('dead_letters', () => letters.gone(), 0),
    counts: () => faults.ask('dead_letters', () => letters.counts(), {}),
  }
}
