/**
 * The trainers of a server: one process for all models, or a separate one for an isolated model. The server only
 * receives their reports: a crash costs no request.
 */
import type { Clock, Logger } from '../../contracts/core.ts'
import type { TrainerStatus } from '../contract.ts'
import type { ForgetForecast } from '../forgetting/forecast.ts'
import type { ForgetRequest, Routing } from '../../versions/contract.ts'
import { entryUrl } from '../../platform/entry.ts'
import { failure } from '../../platform/errors.ts'
import type { ProcessorWaits } from '../../platform/processor-wait.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import { TrainerChild, type ChildPlan } from './child.ts'

export interface SupervisorOptions {
  /** Which models live in which process. */
  readonly children: readonly ChildPlan[]
  readonly clock: Clock
  readonly log: Logger
  /** A process that is silent for this long is killed and started again. Longer than its longest step. */
  readonly silenceMs?: number
  /** How long the threads of a process have waited for a processor: such silence does not count. */
  readonly waitsOf?: (pid: number) => ProcessorWaits
  /** One that is silent for this long is reported as stalled. */
  readonly stalledMs?: () => number
  /** The status in the checkpoint of a model, until its trainer has reported. */
  readonly saved?: (model: string) => TrainerStatus | undefined
  /** A process was started again. */
  readonly onRestart?: () => void
  /** A process has finished a span of a trace. */
  readonly onSpan?: (span: Span) => void
  /** A version was published that will be live in a moment. */
  readonly onComing?: (model: string, version: string) => void
}

export interface TrainerReport extends TrainerStatus {
  readonly pid?: number
  readonly restarts: number
}

export interface Supervisor {
  /** From memory. Throws `MODEL_UNKNOWN`. */
  status(model: string): TrainerReport
  /** There is new feedback for it, or its live pointer moved. */
  wake(model: string): void
  /** Reports what a request to forget would do. Throws `MODEL_UNKNOWN`, `TRAINER_BUSY`. */
  forecast(model: string, asked: ForgetRequest): Promise<ForgetForecast>
  /** Called when a trainer moved a live pointer; returns how to stop. */
  onPointer(callback: (model: string, pointer: Routing) => void): () => void
  /** Called at each report about a model; returns how to stop. */
  onReport(callback: (model: string) => void): () => void
  /** Each process takes over what may change in its config without a restart. */
  reload(): void
  /** Stops every process cleanly and restarts it, with the present config. Serving continues. */
  restart(options: { readonly deadlineMs: number }): void
  stop(options: { readonly deadlineMs: number }): Promise<void>
}

const silenceMsByDefault = 120_000
const stalledMsByDefault = 5_000

export function openSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, log, silenceMs = silenceMsByDefault, onRestart = () => undefined } = options
  const { onSpan = () => undefined, onComing = () => undefined, waitsOf } = options
  const { stalledMs = () => stalledMsByDefault, saved = () => undefined } = options
  const entry = entryUrl('./process.ts', import.meta.url)
  const listeners = new Set<(model: string, pointer: Routing) => void>()
  const onPointer = (model: string, pointer: Routing) => {
    for (const listener of listeners) listener(model, pointer)
  }
  const waiting = new Set<(model: string) => void>()
  const children = options.children.map(
    (plan) =>
      new TrainerChild({
        ...{ ...plan, entry, clock, log, silenceMs, stalledMs, saved },
        ...(waitsOf && { waitsOf }),
        onPointer,
        onComing,
        onReport: (model) => {
          for (const each of waiting) each(model)
        },
        onRestart,
        onSpan,
      }),
  )
  const byModel = new Map(
    options.children.flatMap(({ models }, at) => models.map((model) => [model, children[at]])),
  )
  const childOf = (model: string): TrainerChild => {
    const child = byModel.get(model)
    if (child === undefined) throw failure('MODEL_UNKNOWN', `no trainer for ${model}`)
    return child
  }
  for (const child of children) child.start()
  return {
    status(model) {
      const { pid, restarts, ...child } = reportOf(childOf(model), model)
      return { ...child, restarts, ...(pid !== undefined && { pid }) }
    },
    wake: (model) => childOf(model).wake(model),
    forecast: async (model, asked) => childOf(model).forecast(model, asked),
    onPointer(callback) {
      listeners.add(callback)
      return () => listeners.delete(callback)
    },
    onReport(callback) {
      waiting.add(callback)
      return () => waiting.delete(callback)
    },
    reload() {
      for (const child of children) child.reload()
    },
    restart({ deadlineMs }) {
      for (const child of children) child.restart(deadlineMs)
    },
    async stop({ deadlineMs }) {
      await Promise.all(children.map((child) => child.stop(deadlineMs)))
    },
  }
}

function reportOf(child: TrainerChild, model: string) {
  return { ...child.status(model), pid: child.pid, restarts: child.restarts }
}
