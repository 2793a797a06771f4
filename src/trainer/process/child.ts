/**
 * One trainer process from the server's side: started, monitored, restarted when it ends, killed when it is silent.
 *
 * The first restart is immediate, later ones wait twice as long each, up to 5 s; a process that has learned something,
 * or has run long enough, resets the delay.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { rest, settles, type Clock, type Json, type Logger } from '../../contracts/core.ts'
import { type TrainerStatus, unknownStatus } from '../contract.ts'
import type { Routing } from '../../versions/contract.ts'
import { openJitter } from '../../platform/random.ts'
import { steadyAllocator } from '../../platform/allocator.ts'
import {
  longestWaitMs,
  processorWaits,
  type ProcessorWaits,
} from '../../platform/processor-wait.ts'
import { RetryPolicy, isAborted } from '../../platform/retry.ts'
import type { Span } from '../../platform/tracing/spans.ts'
import {
  type FromTrainer,
  type LoopQuestion,
  type ToTrainer,
  TrainerQuestions,
} from './messages.ts'
import { CrashBlame, StepTimes } from './health.ts'
import { withoutLog } from './output.ts'

export interface ChildPlan {
  readonly models: readonly string[]
  /** URL of the module that exports `openTrainerLoops`, and the config for it. */
  readonly program: string
  readonly config: Json
}

export interface ChildParts extends ChildPlan {
  /** The built `process.js`. */
  readonly entry: URL
  readonly clock: Clock
  readonly log: Logger
  /** A process that is silent for this long is killed and started again. Longer than its longest step. */
  readonly silenceMs: number
  /** A process that is silent for this long is reported as stalled. */
  readonly stalledMs: () => number
  /** How long its threads have waited for a processor: such silence does not count. */
  readonly waitsOf?: (pid: number) => ProcessorWaits
  /** The status in the checkpoint of a model, until the process has reported. */
  readonly saved: (model: string) => TrainerStatus | undefined
  readonly onPointer: (model: string, pointer: Routing) => void
  /** A version was published that will be live in a moment. */
  readonly onComing: (model: string, version: string) => void
  /** A status has arrived. */
  readonly onReport: (model: string) => void
  /** A process was started again. */
  readonly onRestart: () => void
  /** A process has finished a span of a trace. */
  readonly onSpan: (span: Span) => void
}

const AT_WORK: ReadonlySet<string> = new Set(['running', 'idle', 'standby', 'paused', 'budget'])
const healthyAfterMs = 30_000

export class TrainerChild {
  readonly #parts: ChildParts
  readonly #statuses = new Map<string, TrainerStatus>()
  readonly #restart: RetryPolicy
  readonly #stopping = new AbortController()
  readonly #questions: TrainerQuestions
  readonly #blame: CrashBlame
  #process: ChildProcess | undefined
  #restarts = 0
  /** It was asked to end, to be started again. */
  #isPlanned = false
  /** Ends since one was healthy. */
  #failures = 0
  #startedMs = 0
  #heardMs = 0
  #running: Promise<void> | undefined
  readonly #steps = new StepTimes()

  constructor(parts: ChildParts) {
    this.#parts = parts
    this.#questions = new TrainerQuestions(parts.clock, (message) => this.#say(message))
    this.#blame = new CrashBlame(parts.models)
    const [clock, jitter] = [parts.clock, openJitter('restart')]
    this.#restart = new RetryPolicy({ clock, jitter, firstMs: 100, longestMs: 5_000 })
    for (const model of parts.models)
      this.#statuses.set(model, parts.saved(model) ?? unknownStatus(model))
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get restarts(): number {
    return this.#restarts
  }

  status(model: string): TrainerStatus {
    const status = this.#statuses.get(model) ?? unknownStatus(model)
    if (!this.#isStalled(status)) return this.#withSeconds(status)
    const { learning: _learning, ...stalled } = status
    return { ...stalled, ...this.#silence() }
  }

  /** For how long its present step has been made. */
  #withSeconds(status: TrainerStatus): TrainerStatus {
    const { model, learning } = status
    const sinceMs = this.#steps.since(model)
    if (learning === undefined || sinceMs === undefined) return status
    const seconds = Math.floor((this.#parts.clock.monotonicMs() - sinceMs) / 1000)
    return { ...status, learning: { ...learning, seconds } }
  }

  start(): void {
    this.#running ??= Promise.all([this.#live(), this.#watch()]).then(() => undefined)
  }

  wake(model: string): void {
    this.#say({ kind: 'wake', model })
  }

  async ask(model: string, question: LoopQuestion): Promise<unknown> {
    return this.#questions.ask(model, question)
  }

  /** Sends its config again: the daemon changes it in place. */
  reload(): void {
    this.#say({ kind: 'reload', config: this.#parts.config })
  }

  /** Lets the process save and end, so that the next one starts with the present config. */
  restart(deadlineMs: number): void {
    const child = this.#process
    if (child === undefined) return
    this.#isPlanned = true
    this.#blame.forgive()
    this.#say({ kind: 'stop' })
    void rest(this.#parts.clock, deadlineMs, this.#stopping.signal).then((isTime) => {
      if (isTime && this.#process === child) child.kill('SIGKILL')
    })
  }

  /** Asks it to end, and kills it after `deadlineMs`: unsaved events come again from the stream. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock, log } = this.#parts
    this.#stopping.abort(new Error('the server stops'))
    this.#say({ kind: 'stop' })
    const ended = this.#running ?? Promise.resolve()
    if (!(await settles(ended, deadlineMs, clock))) {
      log.warn({ pid: this.pid, deadlineMs }, 'the trainer did not end in time; killing it')
      this.#process?.kill('SIGKILL')
    }
    await ended
    this.#setAll({ state: 'stopped' })
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await this.#once()
      if (isAborted(signal)) return
      if (this.#isPlanned) {
        this.#isPlanned = false
        continue
      }
      if (!(await rest(this.#parts.clock, this.#delayMs(), signal))) return
      this.#restarts += 1
      this.#parts.onRestart()
    }
  }

  /** Runs the process from one start to its end. */
  async #once(): Promise<void> {
    const { entry, clock, log, program, config, models } = this.#parts
    const child = fork(entry, {
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
      execArgv: [],
      env: steadyAllocator(),
    })
    // Not piped: each pipe adds listeners to the one stderr of the daemon, and Node warns of a leak at eleven.
    child.stderr?.pipe(withoutLog(log)).on('data', (words: Buffer) => process.stderr.write(words))
    this.#process = child
    this.#startedMs = clock.monotonicMs()
    this.#heardMs = this.#startedMs
    child.on('message', (message: FromTrainer) => {
      // Its last message may arrive after its end.
      if (this.#process === child) this.#hear(message)
    })
    this.#say({ kind: 'start', program, config, without: this.#blame.leftOut })
    const how = await endOf(child)
    this.#process = undefined
    this.#steps.clear()
    if (this.#stopping.signal.aborted) return
    const details = { ...how, models, pid: child.pid }
    if (this.#isPlanned) log.info(details, 'restarting the trainer process with the new settings')
    else log.warn(details, 'a trainer process ended; starting it again')
    this.#setAll({ state: 'starting' })
  }

  #delayMs(): number {
    const livedMs = this.#parts.clock.monotonicMs() - this.#startedMs
    if (livedMs >= healthyAfterMs) this.#failures = 0
    const failures = this.#failures
    this.#failures += 1
    return failures === 0 ? 0 : this.#restart.delayMs(failures - 1)
  }

  /** A process that starts reports nothing yet, and a failed or ended one has been reported. */
  #isStalled({ state }: TrainerStatus): boolean {
    return AT_WORK.has(state) && this.#silentMs() >= this.#steps.quietMs(this.#parts.stalledMs())
  }

  #silence(): Pick<TrainerStatus, 'state' | 'code' | 'message'> {
    const silentS = Math.floor(this.#silentMs() / 1000)
    const message = `the trainer process ${this.pid ?? ''} has been silent for ${silentS} s`
    return { state: 'stalled', code: 'TRAINER_STALLED', message }
  }

  #silentMs(): number {
    return this.#parts.clock.monotonicMs() - this.#heardMs
  }

  /**
   * A process that hangs in native code can only be killed. One that only waits for a processor is not stuck: to start it
   * again would take more of them.
   */
  async #watch(): Promise<void> {
    const { clock, log, silenceMs, waitsOf = processorWaits } = this.#parts
    const { signal } = this.#stopping
    // Silence and waits are both counted from the first look after a message.
    let from:
      | { readonly heardMs: number; readonly atMs: number; readonly waits: ProcessorWaits }
      | undefined
    while (await rest(clock, silenceMs / 4, signal)) {
      const { pid } = this
      if (this.#process === undefined || pid === undefined) continue
      const [atMs, waits] = [clock.monotonicMs(), waitsOf(pid)]
      if (from?.heardMs !== this.#heardMs) from = { heardMs: this.#heardMs, atMs, waits }
      const silentMs = atMs - from.atMs
      const waitedMs = longestWaitMs(from.waits, waits)
      if (silentMs - waitedMs < silenceMs) continue
      log.error({ pid, silentMs, waitedMs }, 'a trainer process is silent; killing it')
      this.#process.kill('SIGKILL')
      this.#heardMs = clock.monotonicMs()
    }
  }

  #hear(message: FromTrainer): void {
    this.#heardMs = this.#parts.clock.monotonicMs()
    if (message.kind === 'status') this.#hearStatus(message.status)
    else if (message.kind === 'pointer') this.#parts.onPointer(message.model, message.pointer)
    else if (message.kind === 'coming') this.#parts.onComing(message.model, message.version)
    else if (message.kind === 'span') this.#parts.onSpan(message.span)
    else if (message.kind === 'answer') this.#questions.answered(message)
    else this.#hearEnd(message)
  }

  #hearEnd(message: Extract<FromTrainer, { readonly kind: 'fatal' }>): void {
    const { model, message: why } = message
    if (model !== undefined) this.#blame.ended(model, this.status(model).steps, why)
    this.#parts.log.error(message, 'a trainer process cannot continue')
  }

  #hearStatus(status: TrainerStatus): void {
    const before = this.#statuses.get(status.model)
    if (status.steps > (before?.steps ?? 0)) this.#failures = 0
    this.#blame.reported(status)
    this.#steps.reported(status, this.#parts.clock.monotonicMs())
    this.#statuses.set(status.model, before ? merged(before, status) : status)
    this.#parts.onReport(status.model)
  }

  /** A process that is ending cannot receive messages, and needs none. */
  #say(message: ToTrainer): void {
    if (this.#process?.connected === true) this.#process.send(message, () => undefined)
  }

  #setAll(phase: Pick<TrainerStatus, 'state'>): void {
    for (const [model, before] of this.#statuses) {
      const { learning: _learning, code: _code, message: _message, ...status } = before
      this.#statuses.set(model, { ...status, ...phase, ...this.#blame.fault(model) })
    }
  }
}

/** Before it has read its checkpoint a trainer knows only its state: earlier reports stay. */
function merged(before: TrainerStatus, { isBlank, ...said }: TrainerStatus): TrainerStatus {
  const { quality, served } = before
  // A trainer reports its quality less often than its state.
  if (isBlank !== true) return { ...(quality && { quality }), ...(served && { served }), ...said }
  const {
    learning: _learning,
    code: _code,
    message: _message,
    lease: _lease,
    progress: _progress,
    ...known
  } = before
  const { state, code, message, lease, learning } = said
  return {
    ...known,
    state,
    ...(learning && { learning }),
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
    ...(lease && { lease }),
  }
}

interface End {
  readonly code: number | null
  readonly signal: string | null
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    // It could not even be started.
    child.once('error', () => resolve({ code: null, signal: null }))
  })
}
