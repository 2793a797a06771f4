/**
 * The trainers of a server: one process for all models, or a separate one for an isolated model. The server only
 * receives their reports: a crash costs no request.
 */
import type { TrainerStatus } from '../contract.ts'
import type { Routing } from '../../versions/contract.ts'
import { entryUrl } from '../../platform/entry.ts'
import { failure } from '../../platform/errors.ts'
import { TrainerChild, type ChildParts, type ChildPlan } from './child.ts'
import type { LoopQuestion } from './messages.ts'

export interface SupervisorOptions
  extends
    Pick<ChildParts, 'clock' | 'log' | 'waitsOf'>,
    Partial<
      Pick<
        ChildParts,
        'entry' | 'silenceMs' | 'stalledMs' | 'saved' | 'onRestart' | 'onSpan' | 'onComing'
      >
    > {
  /** Which models live in which process. */
  readonly children: readonly ChildPlan[]
}

interface TrainerReport extends TrainerStatus {
  readonly pid?: number
  readonly restarts: number
}

export interface Supervisor {
  /** From memory. Throws `MODEL_UNKNOWN`. */
  status(model: string): TrainerReport
  /** There is new feedback for it, or its live pointer moved. */
  wake(model: string): void
  /** Asks its trainer. Throws `MODEL_UNKNOWN`, `TRAINER_BUSY`, and the errors of the call. */
  ask(model: string, question: LoopQuestion): Promise<unknown>
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

const defaults = {
  silenceMs: 120_000,
  stalledMs: () => 5_000,
  saved: () => undefined,
  onRestart: () => undefined,
  onSpan: () => undefined,
  onComing: () => undefined,
}

export function openSupervisor(options: SupervisorOptions): Supervisor {
  const { children: plans, ...given } = options
  const parts = { entry: entryUrl('src/trainer/process/process.ts'), ...defaults, ...given }
  const listeners = new Set<(model: string, pointer: Routing) => void>()
  const onPointer = (model: string, pointer: Routing) => {
    for (const listener of listeners) listener(model, pointer)
  }
  const waiting = new Set<(model: string) => void>()
  const onReport = (model: string) => {
    for (const each of waiting) each(model)
  }
  const children = plans.map((plan) => new TrainerChild({ ...parts, ...plan, onPointer, onReport }))
  const byModel = new Map(
    plans.flatMap(({ models }, at) => models.map((model) => [model, children[at]])),
  )
  const childOf = (model: string): TrainerChild => {
    const child = byModel.get(model)
    if (child === undefined) throw failure('MODEL_UNKNOWN', `no trainer for ${model}`)
    return child
  }
  for (const child of children) child.start()
  return {
    status(model) {
      const child = childOf(model)
      const { pid, restarts } = child
      return { ...child.status(model), restarts, ...(pid !== undefined && { pid }) }
    },
    wake: (model) => childOf(model).wake(model),
    ask: async (model, question) => childOf(model).ask(model, question),
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
