/**
 * Pages from the checkpoint of a model: events that are set aside, and requests to forget. It lies on the disk of the
 * daemon that trains the model and is read there; in a fleet the other daemons ask that one.
 */
import type { Certificate, ForgetPages } from '../../checkpoint/certificates.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import type { SetAsidePages } from '../../checkpoint/set-aside-pages.ts'
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Limits } from '../../platform/limits.ts'
import type {
  NearestAnswer,
  NearestQuestion,
  TrainerStatus,
  WithoutAnswer,
  WithoutQuestion,
  WorthReport,
} from '../../trainer/contract.ts'
import type { ForgetForecast } from '../../trainer/contract.ts'
import type { ForgetRequest, Selection } from '../../versions/contract.ts'
import type { LiveModel } from '../live/contract.ts'
import type { TrainerView } from './served-model.ts'
import { trainsHere, unanswered } from './feedback/receipts.ts'

/** Each throws `TRAINED_ELSEWHERE` if no other daemon can be asked, and `TRAINER_BUSY` if none answers in time. */
export interface TrainerPages {
  setAside(query: Parameters<SetAsidePages['page']>[0]): Promise<ReturnType<SetAsidePages['page']>>
  selected(selection: Selection): Promise<number>
  /** Requests to forget that are on their way, in their order, and some that are done. */
  forgetTasks(): Promise<readonly ForgetTask[]>
  /** The newest first. */
  certificates(count: number): Promise<readonly Certificate[]>
  certificate(request: string): Promise<Certificate | undefined>
  forecast(asked: ForgetRequest): Promise<ForgetForecast>
  worth(): Promise<WorthReport>
  without(asked: WithoutQuestion): Promise<WithoutAnswer>
  nearest(asked: NearestQuestion): Promise<NearestAnswer>
}

/** One call of `TrainerPages`, as plain JSON. */
export interface TrainerQuestion {
  readonly model: string
  readonly call: keyof TrainerPages
  readonly asked: unknown
}

/** Plain JSON; `found` is absent for undefined. */
export interface TrainerAnswer {
  readonly trains: boolean
  readonly found?: unknown
  readonly problem?: Pick<CodedError, 'code' | 'message' | 'retriable' | 'details'>
}

/** Asks the other daemons of the fleet; ends at the answer of the one that trains. */
export type AskTrainer = (question: TrainerQuestion) => Promise<readonly TrainerAnswer[]>

export interface PagesModel {
  readonly name: string
  /** Reads the checkpoint on this disk; absent if there is none. */
  readonly setAside?: SetAsidePages
  readonly forgets?: ForgetPages
  readonly live: Pick<LiveModel, 'live'>
}

export interface PagesAround {
  readonly trainer: Pick<TrainerView, 'status' | 'ask'>
  readonly clock: Clock
  readonly limits: Pick<Limits, 'wait_for_ms'>
  /** Absent for a single daemon. */
  readonly askTrainer?: AskTrainer | undefined
}

export interface OpenTrainerPages {
  readonly pages: TrainerPages
  /** This daemon's own knowledge: its part of the answer to another daemon. */
  readonly here: (question: Pick<TrainerQuestion, 'call' | 'asked'>) => Promise<TrainerAnswer>
}

export function openTrainerPages(model: PagesModel, around: PagesAround): OpenTrainerPages {
  const { trainer, askTrainer } = around
  const { name } = model
  const own = pagesHere(model, around) as Record<keyof TrainerPages, Ask>
  const trains = () => trainsHere(name, trainer, askTrainer !== undefined)
  const asking =
    (call: keyof TrainerPages): Ask =>
    async (asked) => {
      if (trains()) return own[call](asked)
      const answers = await askTrainer?.({ model: name, call, asked })
      const answer = answers?.find((each) => each.trains)
      if (answer === undefined) throw unanswered(name, trainer, askTrainer !== undefined)
      if (answer.problem !== undefined) throw errorOf(answer.problem)
      return answer.found
    }
  const calls = Object.keys(own) as (keyof TrainerPages)[]
  return {
    pages: Object.fromEntries(calls.map((call) => [call, asking(call)])) as unknown as TrainerPages,
    async here({ call, asked }) {
      if (!trains()) return { trains: false }
      try {
        return { trains: true, found: await own[call](asked) }
      } catch (error) {
        if (!(error instanceof CodedError)) throw error
        const { code, message, retriable, details } = error
        return { trains: true, problem: { code, message, retriable, details } }
      }
    },
  }
}

type Ask = (asked: unknown) => Promise<unknown>

function pagesHere(model: PagesModel, around: PagesAround): TrainerPages {
  const { name, setAside, forgets } = model
  const { trainer } = around
  const here = <Part>(part: Part | undefined): Part => {
    if (part === undefined) throw unanswered(name, trainer, false)
    return part
  }
  return {
    setAside: async (query) => (await followed(here(setAside), model, around)).page(query),
    selected: async (selection) => (await followed(here(setAside), model, around)).count(selection),
    forgetTasks: async () => here(forgets).tasks(),
    certificates: async (count) => here(forgets).certificates(count),
    certificate: async (request) => here(forgets).certificate(request),
    forecast: async (asked) => here(trainer.ask)(name, 'forecast', asked),
    worth: async () => here(trainer.ask)(name, 'worth', null),
    without: async (asked) => here(trainer.ask)(name, 'without', asked),
    nearest: async (asked) => here(trainer.ask)(name, 'nearest', asked),
  }
}

/** Between two looks at the checkpoint. */
const LOOK_MS = 50

/**
 * Once the trainer has followed the last move: what a rollback sets aside is in the checkpoint a moment after its
 * answer. Where the trainer is busy for longer than `wait_for_ms` of the limits or does not work, as the checkpoint is now.
 */
async function followed(
  setAside: SetAsidePages,
  { name, live }: PagesModel,
  { trainer, clock, limits }: PagesAround,
): Promise<SetAsidePages> {
  const untilMs = clock.monotonicMs() + limits.wait_for_ms
  const wanted = live.live()?.pointer.generation ?? 0
  const isBehind = () => isAtWork(trainer.status(name)) && setAside.generation() < wanted
  while (isBehind() && clock.monotonicMs() < untilMs) await clock.sleep(LOOK_MS)
  return setAside
}

/** A trainer that starts, or is silent on a busy machine, follows a moment later. */
function isAtWork({ state }: Pick<TrainerStatus, 'state'>): boolean {
  return state !== 'failed' && state !== 'stopped' && state !== 'standby'
}

function errorOf({ code, message, ...more }: NonNullable<TrainerAnswer['problem']>): CodedError {
  return new CodedError(code, message, more)
}
