/** The trainer's report to the server about a model. */
import { kernelMemory } from '../nn/js/wasm/memory.ts'
import type { Trial } from '../evaluation/trial.ts'
import type { ForgetTask } from '../checkpoint/forgetting.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { SourceMultiplexer } from './sources/multiplexer.ts'
import type { FeedbackProgress, TrainerStatus } from './contract.ts'
import type { LoopParts } from './parts.ts'
import type { TrainerState } from './state.ts'
import type { Assembly } from './assembly.ts'
import { heldOutScores } from './updates/gate.ts'

export function statusOf(
  { loop, state, times, meter, latents }: Assembly,
  stream: SourceMultiplexer | undefined,
  backlog: BacklogProgress,
): Omit<TrainerStatus, 'state'> {
  const { model, reports } = loop
  const { engine, tensors, residentBytes, unknownKeys, truncated } = reports
  const { learner, progress, waiting, setAside, defence, ahead, heldOut } = state
  const { dedupe, kept, log, trials } = state
  const { report: compute } = meter
  const { mixture } = learner.knnMemory ?? {}
  const heldOutNow = heldOutScores(state)
  const { accepted, duplicates, learned, rejected, steps, dropped } = progress.state
  return {
    model,
    lag: stream?.lag ?? 0,
    pending: learner.pendingCount,
    counts: {
      accepted,
      duplicates,
      learned,
      rejected,
      waiting: waiting.size,
      set_aside: setAside.size,
      ...(defence && { quarantined: setAside.quarantined }),
      ...(learner.scoreboard.unanswered > 0 && { unanswered: learner.scoreboard.unanswered }),
      ...(heldOut.isOn && { held_out: heldOut.size }),
    },
    events: { states: log.counts, rows: log.size, bytes: log.bytes },
    prequential: learner.scores,
    ...(heldOutNow && { heldOut: heldOutNow }),
    head: learner.head,
    ...(defence && { defence: defence.report }),
    steps,
    droppedSteps: dropped,
    tensors: tensors?.() ?? 0,
    residentBytes: residentBytes?.() ?? 0,
    latentBytes: latents.bytes,
    kernelBytes: kernelMemory.usedBytes,
    ...(engine !== undefined && { engine }),
    ...(stream && { sources: stream.sources }),
    ...(backlog.shown && { progress: backlog.shown }),
    ...(unknownKeys && { unknownKeys: unknownKeys() }),
    ...(truncated && { truncated: truncated() }),
    retractionsAhead: ahead.size,
    ...(learner.memorised && { memorised: learner.memorised.length }),
    ...(mixture && { expertWeights: mixture.weights }),
    ...(learner.trigger.alarms && { alarms: learner.trigger.alarms }),
    ...(trials.trial && { trial: trialShown(trials.trial, trials.waiting?.version) }),
    ...(kept && { kept: { versions: kept.versions, bytes: kept.bytes } }),
    forgetting: openRequests(state.forgetting.tasks),
    forgottenIds: dedupe.forgotten,
    updates: times.shown,
    ...(compute && { compute }),
    ...(learner.measures.lossGap && { lossGap: learner.measures.lossGap }),
    ...(learner.measures.kl && { kl: learner.measures.kl }),
  }
}

function openRequests(tasks: readonly Pick<ForgetTask, 'stage'>[]) {
  const inStage = (stage: ForgetTask['stage']) =>
    tasks.filter((each) => each.stage === stage).length
  return { asked: inStage('asked'), rebuilding: inStage('rebuilding') }
}

function trialShown(
  { due: _due, isGraded: _isGraded, ...trial }: Trial,
  waiting: string | undefined,
): NonNullable<TrainerStatus['trial']> {
  return { ...trial, ...(waiting !== undefined && { waiting }) }
}

/**
 * The trainer's progress in the feedback over HTTP: the server needs it to report `lag` and to wait for an event.
 * `isActing`: a record was taken, and the update it starts is not finished.
 */
export function feedbackProgress(
  { intake: { feedbackSource, sources }, policies: { trigger } }: LoopParts,
  { progress, learner }: TrainerState,
  isActing: boolean,
): FeedbackProgress | undefined {
  if (feedbackSource === undefined) return undefined
  if (!sources.some(({ name }) => name === feedbackSource)) return undefined
  const { spanFrom, generation } = progress.state
  // An update that waits for its budget is still due.
  const isOpen =
    isActing ||
    progress.state.cut !== undefined ||
    (trigger.rest !== undefined && learner.pendingCount > 0)
  const settled = isOpen ? spanFrom : progress.positions
  return {
    read: progress.positions[feedbackSource] ?? {},
    settled: settled[feedbackSource] ?? {},
    generation,
  }
}

interface BacklogProgressParts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Logger
}

interface Mark {
  readonly consumed: number
  readonly atMs: number
}

/** Fewer records than this are no backlog. */
const BACKLOG = 1_000
const measureMs = 1_000
const sayMs = 10_000
/** The share of the newest second in the rate. */
const FRESH = 0.2

/**
 * Progress through a backlog: the log reports every ten seconds how fast it is read and when it will be done, while there
 * is one. The rate fades, so that one long update does not look like a standstill.
 */
export class BacklogProgress {
  readonly #parts: BacklogProgressParts
  #mark: Mark | undefined
  #rate: number | undefined
  #saidMs: number | undefined
  #shown: TrainerStatus['progress']

  constructor(parts: BacklogProgressParts) {
    this.#parts = parts
  }

  /** Undefined without a backlog, and in its first second. `etaSeconds`: until it is read, if no more events arrive. */
  get shown(): TrainerStatus['progress'] {
    return this.#shown
  }

  /** `consumed` records since the trainer began, `lag` records to read. Call it often. */
  look(consumed: number, lag: number): void {
    if (lag < BACKLOG) {
      this.#end()
      return
    }
    const nowMs = this.#parts.clock.monotonicMs()
    this.#mark ??= { consumed, atMs: nowMs }
    this.#saidMs ??= nowMs
    if (nowMs - this.#mark.atMs >= measureMs) this.#measure(this.#mark, { consumed, atMs: nowMs })
    this.#show(lag)
    if (nowMs - this.#saidMs >= sayMs) this.#say(lag, nowMs)
  }

  #measure(before: Mark, now: Mark): void {
    const rate = (1000 * (now.consumed - before.consumed)) / (now.atMs - before.atMs)
    this.#rate = this.#rate === undefined ? rate : this.#rate + FRESH * (rate - this.#rate)
    this.#mark = now
  }

  #show(lag: number): void {
    if (this.#rate === undefined || this.#rate <= 0) return
    this.#shown = { ratePerSecond: this.#rate, etaSeconds: lag / this.#rate }
  }

  #say(lag: number, nowMs: number): void {
    this.#saidMs = nowMs
    if (this.#shown === undefined) return
    const { ratePerSecond, etaSeconds } = this.#shown
    const details = { lag, rate: Math.round(ratePerSecond), eta_seconds: Math.ceil(etaSeconds) }
    this.#parts.log.info(details, 'reading a backlog')
  }

  #end(): void {
    this.#mark = undefined
    this.#rate = undefined
    this.#saidMs = undefined
    this.#shown = undefined
  }
}
