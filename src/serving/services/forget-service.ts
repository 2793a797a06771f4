/**
 * Requests to forget events: given to the trainer as a move of the live pointer, like any command, and followed until the
 * certificate is written.
 */
import { randomBytes } from 'node:crypto'
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Certificate } from '../../checkpoint/certificates.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import type { ForgetForecast } from '../../trainer/contract.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import type { ForgetRequest, Routing } from '../../versions/contract.ts'
import { movePointer, type MoveTarget } from './moves.ts'
import type { TrainerView } from './served-model.ts'
import { hasFailed } from './faults.ts'
import type { TrainerPages } from './trainer-pages.ts'

export type { ForgetForecast }

export interface ForgetStatus {
  readonly request: string
  /** `asked`: the trainer has not begun it. `done`: this daemon answers with the rebuilt version, or a later one. */
  readonly state: 'asked' | 'rebuilding' | 'done'
  readonly task?: ForgetTask
  /** Of one that the trainer has not read yet. */
  readonly reason?: string
  /** The trainer has failed: nothing goes on before that is fixed. */
  readonly blocked?: { readonly code: string; readonly message: string }
  /** Learning is paused by a person, or until the budget of the hour has room. */
  readonly waitsFor?: 'resume' | 'budget'
  /** How many examples are still to be learned again. */
  readonly left?: number
  readonly certificate?: Certificate
}

interface ForgetAround {
  readonly trainer: Pick<TrainerView, 'status'>
  readonly clock: Clock
  readonly limits: Pick<Limits, 'wait_for_ms'>
}

export interface ForgetService {
  /** Throws `FORGET_FULL`, and as `list` does. */
  ask(
    what: Omit<ForgetRequest, 'request'>,
    reason: string,
    actor?: string,
  ): Promise<{ readonly request: string; readonly generation: number }>
  /** Reports what the same request would do, and changes nothing. Throws `TRAINED_ELSEWHERE`, `TRAINER_BUSY`. */
  forecast(what: Omit<ForgetRequest, 'request'>): Promise<ForgetForecast>
  /** Those on their way, then certificates, the newest first. Throws `TRAINED_ELSEWHERE`, `TRAINER_BUSY`. */
  list(limit: number): Promise<readonly ForgetStatus[]>
  /** Throws `FORGET_UNKNOWN`, and as `list` does. */
  find(request: string): Promise<ForgetStatus>
}

/** Each is a piece of work for the trainer. */
const MOST_WAITING = 100
/** Of the newest moves, among which a request is looked for that the trainer has not read. */
const MOVES = 100

export function openForgetService(
  model: MoveTarget,
  pages: Pick<TrainerPages, 'forgetTasks' | 'certificates' | 'certificate' | 'forecast'>,
  around: ForgetAround,
): ForgetService {
  const { trainer, clock } = around
  const patiently = <Answer>(question: () => Promise<Answer>) =>
    untilTrained(question, model.name, around)
  const shown = (task: ForgetTask) => shownTask(task, trainer.status(model.name))
  const unread = async (tasks: readonly ForgetTask[]) =>
    unreadOf(tasks, await pages.certificates(1), await model.registry.history(MOVES))
  const asked = (move: ForgetMove): ForgetStatus => ({
    ...{ request: move.asks.forget.request, state: 'asked', reason: move.reason },
    ...blockedBy(trainer.status(model.name)),
  })
  return {
    async ask(what, reason, actor) {
      const waiting = await patiently(async () => {
        const tasks = await pages.forgetTasks()
        return tasks.filter(isOpen).length + (await unread(tasks)).length
      })
      if (waiting >= MOST_WAITING)
        throw failure('FORGET_FULL', `${waiting} requests to forget wait already`)
      const request = requestName(clock.nowMs())
      const asks = { forget: { ...what, request } }
      const { routing } = await movePointer(model, { by: 'forget', reason, asks, actor })
      return { request, generation: routing.generation }
    },
    forecast: async (what) => patiently(async () => pages.forecast({ ...what, request: '' })),
    async list(limit) {
      const [tasks, certificates] = await patiently(async () =>
        Promise.all([pages.forgetTasks(), pages.certificates(limit)]),
      )
      const open = tasks.filter(isOpen).toReversed()
      // As below: the certificate of an open one is not final.
      const names = open.map((task) => task.asked.request)
      const done = certificates
        .map((each) => doneOf(each, model))
        .filter((each) => !names.includes(each.request))
      const asking = (await unread(tasks)).map(asked)
      return [...asking, ...open.map(shown), ...done].slice(0, limit)
    },
    async find(request) {
      const tasks = await patiently(async () => pages.forgetTasks())
      const task = tasks.find((each) => each.asked.request === request)
      // Until the checkpoint says that it is done, its certificate may be written again.
      const certificate =
        task === undefined || !isOpen(task) ? await pages.certificate(request) : undefined
      if (certificate !== undefined) return doneOf(certificate, model)
      if (task !== undefined) return shown(task)
      const asking = (await unread(tasks)).find(({ asks }) => asks.forget.request === request)
      if (asking !== undefined) return asked(asking)
      throw failure('FORGET_UNKNOWN', `there is no request to forget ${request}`, {
        details: { request },
      })
    },
  }
}

/** Between two questions to a trainer that starts. */
const AGAIN_MS = 250

/**
 * Asks again while the trainer of the model starts, as after a restart or while its lease goes to another daemon: for at
 * most `wait_for_ms` of the limits.
 */
async function untilTrained<Answer>(
  question: () => Promise<Answer>,
  model: string,
  { trainer, clock, limits }: ForgetAround,
): Promise<Answer> {
  const untilMs = clock.monotonicMs() + limits.wait_for_ms
  for (;;)
    try {
      return await question()
    } catch (error) {
      const isBusy = error instanceof CodedError && error.code === 'TRAINER_BUSY'
      const leftMs = untilMs - clock.monotonicMs()
      if (!isBusy || leftMs <= 0 || !isComing(trainer.status(model))) throw error
      await clock.sleep(Math.min(AGAIN_MS, leftMs))
    }
}

function isComing({ state }: TrainerSays): boolean {
  return state === 'starting' || state === 'standby'
}

function isOpen({ stage }: ForgetTask): boolean {
  return stage !== 'done'
}

type TrainerSays = ReturnType<TrainerView['status']>

function shownTask(task: ForgetTask, trainer: TrainerSays): ForgetStatus {
  const { asked, stage, again, left = again } = task
  return {
    ...{ request: asked.request, state: stage, task },
    ...(stage === 'rebuilding' && { left }),
    ...(isOpen(task) && blockedBy(trainer)),
  }
}

function blockedBy(trainer: TrainerSays): Pick<ForgetStatus, 'blocked' | 'waitsFor'> {
  const { state, code, message = '' } = trainer
  if (state === 'paused') return { waitsFor: 'resume' }
  if (state === 'budget') return { waitsFor: 'budget' }
  return hasFailed(trainer) && code !== undefined ? { blocked: { code, message } } : {}
}

type ForgetMove = Routing & { readonly asks: { readonly forget: ForgetRequest } }

/** Given to the trainer as moves, and not in its checkpoint yet; the newest first. Names begin with a time. */
function unreadOf(
  tasks: readonly ForgetTask[],
  newest: readonly Certificate[],
  moves: readonly Routing[],
): readonly ForgetMove[] {
  const read = [
    ...tasks.map(({ asked }) => asked.request),
    ...newest.flatMap(({ request }) => (typeof request === 'string' ? request : [])),
  ]
  const last = read.map(timeOf).toSorted().at(-1) ?? ''
  return moves.filter(isAsking).filter(({ asks: { forget } }) => {
    const { request } = forget
    return !read.includes(request) && timeOf(request) >= last
  })
}

function isAsking(move: Routing): move is ForgetMove {
  return move.asks?.forget !== undefined
}

/** The trainer has moved routing; the server swaps a moment later, when the version is loaded and warmed. */
function doneOf(certificate: Certificate, { live }: Pick<MoveTarget, 'live'>): ForgetStatus {
  const { request, generation } = certificate
  const name = typeof request === 'string' ? request : ''
  const here = live.live()?.pointer.generation
  const isBehind = typeof generation === 'number' && here !== undefined && here < generation
  if (isBehind) return { request: name, state: 'rebuilding', left: 0 }
  return { request: name, state: 'done', certificate }
}

/** Names sort by time. */
function requestName(nowMs: number): string {
  const time = new Date(nowMs).toISOString().slice(0, 19).replace(/[-:T]/g, '')
  return `${time}-${randomBytes(3).toString('hex')}`
}

function timeOf(request: string): string {
  return request.split('-', 1)[0] ?? ''
}
