/** The trainer's report to the server about a model. */
import { kernelMemory } from '../nn/js/wasm/memory.ts'
import type { SourceMultiplexer } from './sources/multiplexer.ts'
import type { BacklogProgress } from './backlog-progress.ts'
import type { FeedbackProgress, TrainerStatus } from './contract.ts'
import type { Trial } from '../evaluation/trial.ts'
import type { LoopParts } from './parts.ts'
import type { ForgetTask } from '../checkpoint/forgetting.ts'
import type { TrainerState } from './state.ts'
import type { Assembly } from './assembly.ts'
import { heldOutScores } from './updates/gate-facts.ts'

export function statusOf(
  { model, reports: { engine, tensors, residentBytes, unknownKeys, truncated } }: LoopParts,
  state: TrainerState,
  stream: SourceMultiplexer | undefined,
  backlog: BacklogProgress,
  { times, meter, latents }: Pick<Assembly, 'times' | 'meter' | 'latents'>,
): Omit<TrainerStatus, 'state'> {
  const { learner, progress, waiting, setAside, defence, ahead, heldOut } = state
  const { dedupe, kept, log, trials } = state
  const { report: compute } = meter
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
      ...(learner.unanswered > 0 && { unanswered: learner.unanswered }),
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
    ...(learner.expertWeights && { expertWeights: learner.expertWeights }),
    ...(learner.alarms && { alarms: learner.alarms }),
    ...(trials.trial && { trial: trialShown(trials.trial, trials.waiting?.version) }),
    ...(kept && { kept: { versions: kept.versions, bytes: kept.bytes } }),
    forgetting: openRequests(state.forgetting.tasks),
    forgottenIds: dedupe.forgotten,
    updates: times.shown,
    ...(compute && { compute }),
    ...(learner.lossGap && { lossGap: learner.lossGap }),
    ...(learner.kl && { kl: learner.kl }),
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
