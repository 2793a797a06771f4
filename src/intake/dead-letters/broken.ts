/** Dead letters with a damaged file: writes are refused, while the model keeps answering. */
import type { CodedError } from '../../contracts/core.ts'
import type { Ask } from '../../platform/store/fault-log.ts'
import type { DeadLetters } from './dead-letters.ts'

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
