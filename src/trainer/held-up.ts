/**
 * What holds the trainer up: work that fails now and is tried again, such as a save to a full disk. Learning waits for
 * it, and the status says why.
 */
import type { CodedError } from '../contracts/core.ts'
import type { RetryOptions } from '../platform/retry.ts'
import type { TrainerStatus } from './contract.ts'

export class HeldUp {
  readonly #errors = new Map<string, CodedError>()
  readonly hooks: Required<Pick<RetryOptions, 'onWait' | 'onEnd'>> = {
    onWait: ({ what, error }) => this.#errors.set(what, error),
    onEnd: (what) => this.#errors.delete(what),
  }

  get shown(): Pick<TrainerStatus, 'code' | 'message'> {
    const [error] = this.#errors.values()
    return error === undefined ? {} : { code: error.code, message: error.message }
  }
}
