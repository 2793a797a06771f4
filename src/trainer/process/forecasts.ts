/** Questions of the server to a trainer process about forgetting, each with a number and a deadline. */
import { CodedError, settles, type Clock } from '../../contracts/core.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import { PendingCalls } from '../../platform/pending-calls.ts'
import type { ForgetRequest } from '../../versions/contract.ts'
import type { ForgetForecast } from '../forgetting/forecast.ts'
import type { FromTrainer, ToTrainer } from './messages.ts'

type Answer = Extract<FromTrainer, { readonly kind: 'forecast' }>

/** Longer than most updates; the trainer answers between them. */
const DEADLINE_MS = 30_000

export class Forecasts {
  readonly #clock: Clock
  readonly #say: (message: ToTrainer) => void
  readonly #calls = new PendingCalls<ForgetForecast>()

  constructor(clock: Clock, say: (message: ToTrainer) => void) {
    this.#clock = clock
    this.#say = say
  }

  async ask(model: string, asked: ForgetRequest): Promise<ForgetForecast> {
    let call = 0
    const answer = this.#calls.call((number) => {
      call = number
      this.#say({ kind: 'forecast', number, model, asked })
    })
    if (!(await settles(answer, DEADLINE_MS, this.#clock))) {
      const why = `the trainer of ${model} has not answered for ${DEADLINE_MS / 1000} s`
      this.#calls.refuse(call, failure('TRAINER_BUSY', why))
    }
    return answer
  }

  /** An answer after the deadline is dropped. */
  answered({ number, forecast, fault }: Answer): void {
    if (forecast !== undefined) this.#calls.answer(number, forecast)
    if (fault === undefined) return
    const retriable = entryOf(fault.code).retriable === true
    this.#calls.refuse(number, new CodedError(fault.code, fault.message, { retriable }))
  }
}
