/**
 * The faults of one model's stores. A damaged file costs the model the part that needs the file, and no more: something
 * stands in for what cannot be opened or read.
 */
import { CodedError, type Logger } from '../../contracts/core.ts'

export interface NotedFault<Part extends string> {
  readonly part: Part
  readonly error: CodedError
}

/** Asks an open store; a store that turns out to be damaged gives `instead`. */
export type Ask = <Answer>(question: () => Answer, instead: Answer) => Answer

export class FaultLog<Part extends string> {
  readonly #log: Logger
  readonly #found: NotedFault<Part>[] = []

  constructor(log: Logger) {
    this.#log = log
  }

  get all(): readonly NotedFault<Part>[] {
    return this.#found
  }

  of(part: Part): CodedError | undefined {
    return this.#found.find((each) => each.part === part)?.error
  }

  /** The result of `open`, or the stand-in for a damaged file. */
  async try<Opened>(
    part: Part,
    open: () => Opened | Promise<Opened>,
    instead: (error: CodedError) => Opened,
  ): Promise<Opened> {
    try {
      return await open()
    } catch (error) {
      if (!isOfOneFile(error)) throw error
      this.note(part, error)
      return instead(error)
    }
  }

  /** The same for calls while it runs. */
  asking(part: Part): Ask {
    return (question, instead) => {
      try {
        return question()
      } catch (error) {
        if (!isOfOneFile(error)) throw error
        this.note(part, error)
        return instead
      }
    }
  }

  /** Logged once for each part. */
  note(part: Part, error: CodedError): void {
    if (this.of(part) !== undefined) return
    this.#found.push({ part, error })
    this.#log.error({ part, code: error.code, err: error }, 'part of this model is broken')
  }
}

const codes = new Set(['STORE_CORRUPT', 'STORE_OUTDATED', 'STORE_FAILED', 'DATA_DIR_UNWRITABLE'])

function isOfOneFile(error: unknown): error is CodedError {
  return error instanceof CodedError && codes.has(error.code)
}
