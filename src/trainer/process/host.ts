/**
 * A process with several trainers: opens each model under its lock, runs its loop beside the others, and reports their
 * status to the server, at least once a second.
 *
 * A model that cannot be opened, or has a loop that ended for good, is reported as failed while the others continue. A bug
 * ends the whole process: its state is in the checkpoints, and the supervisor restarts it, in the end without the model.
 */
import { setMaxListeners } from 'node:events'
import { CodedError, rest, type Clock, type Json, type Logger } from '../../contracts/core.ts'
import { type TrainerStatus, unknownStatus } from '../contract.ts'
import type { Routing } from '../../versions/contract.ts'
import { acquireLock, type Lock, Mutex } from '../../platform/store/lock.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import type { Loop } from '../loop.ts'
import { failure } from '../../platform/errors.ts'
import type { FromTrainer, ToTrainer } from './messages.ts'
import type { LeaseTerm } from '../parts.ts'
import { isRetriable, isAborted } from '../../platform/retry.ts'
import { LeaseTerms, type FleetPart } from '../lease/lease-term.ts'

/** One model as the composition hands it over. */
export interface HostedModel {
  readonly name: string
  /** Held while the loop runs, so that two processes never train one model. */
  readonly lockPath: string
  /** When several daemons may train it: one does at a time, the others stand by. */
  readonly fleet?: FleetPart
  /** Creates the loop and all its parts; called once without a fleet, and once per lease term in one. */
  open(leaseTerm?: LeaseTerm): Promise<Loop>
}

export interface HostedTrainers {
  readonly models: readonly HostedModel[]
  readonly log: Logger
  /** Takes over what may change in the config without a restart of the process. */
  readonly reload?: (config: Json) => void
  close(): Promise<void>
}

/** Shared by the loops of a process; for `LoopParts`. */
export interface Hosting {
  readonly trainingMutex: Mutex
  readonly onStatus: (status: TrainerStatus) => void
  readonly onPointer: (model: string, pointer: Routing) => void
  readonly onComing: (model: string, version: string) => void
  readonly onSpan: (span: Span) => void
}

type Question = Extract<ToTrainer, { readonly kind: 'question' }>

const statusEveryMs = 1_000
const lockWaitMs = 5_000

export class TrainerHost {
  readonly hosting: Hosting
  readonly #clock: Clock
  readonly #tell: (message: FromTrainer) => void
  readonly #loops = new Map<string, Loop>()
  readonly #leaseTerms = new Map<string, LeaseTerms>()
  /** The statuses of models that have no loop. */
  readonly #statuses = new Map<string, TrainerStatus>()
  #faulty: string | undefined

  constructor(clock: Clock, tell: (message: FromTrainer) => void) {
    this.#clock = clock
    this.#tell = tell
    this.hosting = {
      trainingMutex: new Mutex(),
      onStatus: (status) => tell({ kind: 'status', status: this.#withLease(status) }),
      onPointer: (model, pointer) => tell({ kind: 'pointer', model, pointer }),
      onComing: (model, version) => tell({ kind: 'coming', model, version }),
      onSpan: (span) => tell({ kind: 'span', span }),
    }
  }

  /** The model whose trainer has ended by a bug; undefined if none has. */
  get faulty(): string | undefined {
    return this.#faulty
  }

  wake(model: string): void {
    this.#loops.get(model)?.wake()
  }

  async answer({ number, model, call, asked }: Question): Promise<void> {
    try {
      const loop = this.#loops.get(model)
      if (loop === undefined) throw failure('TRAINER_BUSY', `nothing trains ${model} here now`)
      this.#tell({ kind: 'answer', number, found: await loop.ask(call, asked as never) })
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'INTERNAL'
      const message = error instanceof Error ? error.message : String(error)
      const details = error instanceof CodedError ? error.details : {}
      this.#tell({ kind: 'answer', number, fault: { code, message, details } })
    }
  }

  /** Runs until the signal stops it. Rejects for a defect. */
  async run({ models, log }: HostedTrainers, signal: AbortSignal): Promise<void> {
    // Each model waits with listeners of its own.
    setMaxListeners(0, signal)
    const done = new AbortController()
    const reports = this.#report(done.signal)
    try {
      await Promise.all(models.map((model) => this.#runModel(model, log, signal)))
      // All models may have failed: keep reporting it.
      await untilAborted(signal)
    } finally {
      done.abort()
      await reports
    }
  }

  async #runModel(model: HostedModel, log: Logger, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    this.#set(model.name, { state: 'starting' })
    let lock: Lock | undefined
    try {
      lock = await this.#lock(model, log, signal)
      if (model.fleet === undefined) await this.#runLoop(model, signal)
      else await this.#runLeaseTerms(model, model.fleet, log, signal)
    } catch (error) {
      if (isAborted(signal)) return
      if (!(error instanceof CodedError)) {
        this.#faulty ??= model.name
        throw error
      }
      log.error({ model: model.name, err: error, code: error.code }, 'the trainer cannot start')
      this.#set(model.name, { state: 'failed', code: error.code, message: error.message })
    } finally {
      lock?.release()
    }
  }

  async #runLoop(model: HostedModel, signal: AbortSignal): Promise<void> {
    const loop = await model.open()
    this.#loops.set(model.name, loop)
    await loop.run(signal)
  }

  async #runLeaseTerms(
    model: HostedModel,
    fleet: FleetPart,
    log: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    const { name } = model
    const open = (leaseTerm: LeaseTerm) => model.open(leaseTerm)
    const onLoop = (loop: Loop | undefined) => {
      if (loop !== undefined) this.#loops.set(name, loop)
      else {
        this.#loops.delete(name)
        this.#set(name, { state: 'standby' })
      }
    }
    const leaseTerms = new LeaseTerms({ model: name, fleet, clock: this.#clock, log, open, onLoop })
    this.#leaseTerms.set(name, leaseTerms)
    await leaseTerms.run(signal)
  }

  /** A predecessor that is about to end holds it a moment longer. */
  async #lock(model: HostedModel, log: Logger, signal: AbortSignal): Promise<Lock> {
    for (;;) {
      try {
        return await acquireLock(model.lockPath, { clock: this.#clock, waitMs: lockWaitMs, signal })
      } catch (error) {
        if (signal.aborted || !isRetriable(error)) throw error
        log.warn({ model: model.name, err: error }, 'another process trains this model; waiting')
      }
    }
  }

  async #report(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const status of this.#all())
        this.#tell({ kind: 'status', status: this.#withLease(status) })
      await rest(this.#clock, statusEveryMs, signal)
    }
  }

  #all(): readonly TrainerStatus[] {
    const names = new Set([...this.#statuses.keys(), ...this.#loops.keys()])
    return [...names].flatMap((name) => {
      const loop = this.#loops.get(name)
      if (loop === undefined) return this.#statuses.get(name) ?? []
      const status = loop.status()
      if (status.isBlank === true) return status
      const quality = loop.quality()
      return { ...status, ...(quality && { quality }), served: loop.served() }
    })
  }

  #withLease(status: TrainerStatus): TrainerStatus {
    const { view: lease, copyFault } = this.#leaseTerms.get(status.model) ?? {}
    if (lease === undefined) return status
    if (copyFault === undefined) return { ...status, lease }
    const { code, message } = copyFault
    return { ...status, lease, copyFault: { code, message } }
  }

  #set(model: string, phase: Pick<TrainerStatus, 'state' | 'code' | 'message'>): void {
    const status = { ...unknownStatus(model), ...phase }
    this.#statuses.set(model, status)
    this.#tell({ kind: 'status', status })
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
