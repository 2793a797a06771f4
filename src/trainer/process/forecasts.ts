/** Questions of the server to a trainer process about forgetting, each with a number and a deadline. */
import { CodedError, type Clock } from '../../contracts/core.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { ForgetForecast } from '../forgetting/forecast.ts'
import type { FromTrainer, ToTrainer } from './messages.ts'

type Answer = Extract<FromTrainer, { readonly kind: 'forecast' }>

/** Longer than most updates; the trainer answers between them. */
const DEADLINE_MS = 30_000

export class Forecasts {
  readonly #clock: Clock
  readonly #say: (message: ToTrainer) => void
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #number = 0

  constructor(clock: Clock, say: (message: ToTrainer) => void) {
    this.#clock = clock
    this.#say = say
  }

  async ask(model: string, asked: ForgetRequest): Promise<ForgetForecast> {
    this.#number += 1
    const number = this.#number
    const late = new AbortController()
    try {
      const answered = new Promise<Answer>((resolve) => this.#waiting.set(number, resolve))
      this.#say({ kind: 'forecast', number, model, asked })
      const deadline = this.#clock.sleep(DEADLINE_MS, late.signal).then(() => undefined)
      const answer = await Promise.race([answered, deadline.catch(() => undefined)])
      return forecastIn(answer, model)
    } finally {
      late.abort()
      this.#waiting.delete(number)
    }
  }

  /** An answer after the deadline is dropped. */
  answered(answer: Answer): void {
    this.#waiting.get(answer.number)?.(answer)
  }
}

function forecastIn(answer: Answer | undefined, model: string): ForgetForecast {
  if (answer?.forecast !== undefined) return answer.forecast
  const { fault } = answer ?? {}
  if (fault !== undefined) {
    const retriable = entryOf(fault.code).retriable === true
    throw new CodedError(fault.code, fault.message, { retriable })
  }
  const seconds = DEADLINE_MS / 1000
  throw failure('TRAINER_BUSY', `the trainer of ${model} has not answered for ${seconds} s`)
}
