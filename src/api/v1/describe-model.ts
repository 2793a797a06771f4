/** A model for /v1/models: what the server and the trainer know about it, merged. */
import type { Answer } from '../../client/schemas/parts.ts'
import type { Routing } from '../../versions/contract.ts'
import type { PastRouting } from '../../versions/service.ts'
import type { FailedSwap } from '../../serving/live/contract.ts'
import type { LiveAnswer, PastMoveAnswer, TrialAnswer } from '../../client/schemas/moves.ts'
import type {
  FailedSwapAnswer,
  Model,
  ReadKind,
  TakenSignal,
  TrainerAnswer,
  ResetAnswer,
  SourcesAnswer,
} from '../../client/schemas/models.ts'
import { defined } from '../../platform/defined.ts'
import { isObject, valueIn } from '../../payloads/reading.ts'
import type { FieldFacts, InputKind, SignalKind } from '../../contracts/payload.ts'
import type { Services } from '../../serving/services/services.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import type { TrainerReport } from '../../serving/services/served-model.ts'
import type { SourceReset } from '../../contracts/source.ts'
import { describeServed } from './describe-version.ts'

type Quality = NonNullable<TrainerReport['quality']>

export function describeModel(
  model: ModelServices,
  { limits }: Pick<Services, 'limits'>,
): Answer<typeof Model> {
  const { task } = model
  const { live, failedSwap: failed, answers, trainer, headline, faults } = model.status()
  const served = trainer.served?.find(({ version }) => version === live?.manifest.version)
  return {
    model: model.name,
    base: model.base.name,
    method: model.method,
    task: task.kind,
    score: task.view.score,
    headline,
    ...task.view.facts(task.present(live?.manifest.facts ?? {})),
    reads: model.base.reads.map((kind) => describeInput(kind, model)),
    signals: task.view.signals.map((kind) => describeSignal(kind, limits)),
    live: live === undefined ? null : describePointer(live.pointer),
    ...(failed !== undefined && { failed_swap: describeFailedSwap(failed) }),
    ...defined({
      answers,
      held_out: trainer.heldOut,
      loss_gap: trainer.lossGap,
      kl: trainer.kl,
      slice_gap: trainer.quality?.slice_gap,
    }),
    trainer: describeTrainer(trainer),
    lag: trainer.lag,
    ...unknownLag(trainer),
    pending: trainer.pending,
    ...(faults.length > 0 && { faults }),
    ...warningsOf(model, trainer),
    ...(trainer.progress && { progress: describeProgress(trainer.progress) }),
    ...(trainer.alarms && { drift: describeDrift(trainer.alarms) }),
    ...(hasScored(trainer.quality) && { quality: describeQuality(trainer.quality, task) }),
    ...(served && { served: describeServed(served) }),
    ...(trainer.trial && {
      trial: describeTrial(trainer.trial, sinceOf(trainer.trial, model, live?.pointer)),
    }),
    ...(trainer.compute && { compute: describeCompute(trainer.compute) }),
    ...(trainer.sources && { sources: describeSources(trainer.sources) }),
    counts: trainer.counts,
    ...(trainer.events && { receipts: { received: trainer.lag, ...trainer.events.states } }),
    prequential: trainer.prequential,
    ...(trainer.defence?.majority && {
      judged_by: `${trainer.defence.majority} majority` as const,
    }),
  }
}

/** With the example of the base's own settings, if it has one: the kind does not know how many features there are. */
function describeInput(
  kind: InputKind,
  { example: own }: Pick<ModelServices, 'example'>,
): Answer<typeof ReadKind> {
  const { name, summary, example, files, beside, fields, isLong } = kind
  const input = own?.input
  const given = isObject(input) ? valueIn(kind, input) : undefined
  return {
    ...{ name, summary, example: given ?? example },
    ...(files && { files: [...files] }),
    ...(isLong && { long: true }),
    ...(beside && { beside: [...beside] }),
    ...(fields && { fields: Object.fromEntries(Object.entries(fields).map(describeField)) }),
  }
}

function describeField([name, { files, ...facts }]: [string, FieldFacts]) {
  return [name, { ...facts, ...(files && { files: [...files] }) }] as const
}

function describeSignal(kind: SignalKind, limits: Services['limits']): Answer<typeof TakenSignal> {
  const { name, summary, about } = kind
  const schemas: Readonly<Record<string, { readonly type?: unknown }>> = kind.schema(limits)
  const typeOf = (word: string) => {
    const type = schemas[word]?.type
    return typeof type === 'string' ? type : 'any'
  }
  const words = Object.fromEntries(kind.words.map((word) => [word, typeOf(word)]))
  return { name, summary, about, words }
}

function warningsOf({ task }: ModelServices, { head }: TrainerReport) {
  const warnings = task.warnings?.(head) ?? []
  return warnings.length > 0 ? { warnings } : {}
}

/** A source that cannot be read does not say what waits in it. */
function unknownLag({ sources = {} }: TrainerReport): Pick<Answer<typeof Model>, 'lag_unknown'> {
  const failing = Object.keys(sources).filter((name) => sources[name]?.code !== undefined)
  return failing.length > 0 ? { lag_unknown: failing } : {}
}

/** The trainer hears of a move a moment later: until then it speaks of another trial. */
function sinceOf(
  { version }: NonNullable<TrainerReport['trial']>,
  { trials }: Pick<ModelServices, 'trials'>,
  { canary, shadow }: Partial<Routing> = {},
): number | undefined {
  return (canary ?? shadow)?.version === version ? trials.sinceMs() : undefined
}

/** A model as clients of the OpenAI API list it. `id`: as it was asked for. */
export function listedModel(model: ModelServices, id = model.name) {
  const created = Math.floor((model.status().live?.pointer.sinceMs ?? 0) / 1000)
  return { id, object: 'model' as const, created, owned_by: 'antikythera' }
}

function describePointer(pointer: Routing): Answer<typeof LiveAnswer> {
  const {
    live: { version, digest },
    generation,
    sinceMs,
    previous,
    by,
    actor,
    reason,
  } = pointer
  const since = new Date(sinceMs).toISOString()
  return {
    ...{ version, digest, generation, since, previous, by },
    ...(actor !== undefined && { actor }),
    ...describeRouted(pointer),
    reason,
  }
}

export function describePast(move: PastRouting): Answer<typeof PastMoveAnswer> {
  const { untilMs, before, asks, hash, prior } = move
  return {
    ...describePointer(move),
    before,
    ...(untilMs !== undefined && { until: new Date(untilMs).toISOString() }),
    ...defined({ asks, hash, prior }),
  }
}

function describeFailedSwap(failed: FailedSwap): Answer<typeof FailedSwapAnswer> {
  const { version, code, message, sinceMs } = failed
  return { version, code, message, since: new Date(sinceMs).toISOString() }
}

function describeProgress(progress: NonNullable<TrainerReport['progress']>) {
  const { ratePerSecond, etaSeconds } = progress
  return { rate: Math.round(ratePerSecond), eta_seconds: Math.ceil(etaSeconds) }
}

function describeCompute(compute: NonNullable<TrainerReport['compute']>) {
  const { training, evaluation, lastHour, perHour, roomAtMs } = compute
  return {
    cpu_seconds: toMs(training + evaluation),
    evaluation_cpu_seconds: toMs(evaluation),
    last_hour_cpu_seconds: toMs(lastHour),
    ...(perHour !== undefined && { budget_cpu_seconds_per_hour: perHour }),
    ...(roomAtMs !== undefined && { room_at: new Date(roomAtMs).toISOString() }),
  }
}

/** Seconds, to a millisecond. */
function toMs(seconds: number): number {
  return Math.round(1000 * seconds) / 1000
}

/** Without a scored example, as in a checkpoint of a release that did not count quality yet, a zero would look like a score. */
function hasScored(quality: TrainerReport['quality']): quality is Quality {
  return quality !== undefined && quality.sources.length > 0
}

function describeQuality(quality: Quality, { view }: ModelServices['task']) {
  const { accuracy_recent, accuracy_recent_by_source } = quality
  return { accuracy_recent, accuracy_recent_by_source, ...view.brief(quality) }
}

export function describeDrift({ count, last }: NonNullable<TrainerReport['alarms']>) {
  return { alarms: count, last: last ?? null }
}

function describeTrainer(trainer: TrainerReport): Answer<typeof TrainerAnswer> {
  const { state, pid, restarts, engine, learning, code, message } = trainer
  return { state, restarts, ...defined({ pid, engine, learning, code, message }) }
}

/** The trainer's report about each source of a model, for /v1/models. */
function describeSources(
  sources: NonNullable<TrainerReport['sources']>,
): Answer<typeof SourcesAnswer> {
  const entries = Object.entries(sources).map(([name, source]) => {
    const { records, lag, resets = 0, missing = 0, lastReset, code, message } = source
    const last = lastReset && { last_reset: describeReset(lastReset) }
    const failing = defined({ code, message })
    return [name, { records, lag, resets, missing, ...last, ...failing }] as const
  })
  return Object.fromEntries(entries)
}

function describeReset({ timeMs, missing, ...reset }: SourceReset): Answer<typeof ResetAnswer> {
  return { at: new Date(timeMs).toISOString(), ...reset, missing: missing ?? null }
}

/** The canary and the shadow of a routing, and what feedback has judged of the version on trial. */
export function describeRouted({ canary, shadow }: Routing) {
  return {
    ...(canary && {
      canary: { version: canary.version, digest: canary.digest, share: canary.share },
    }),
    ...(shadow && { shadow: { version: shadow.version, digest: shadow.digest } }),
  }
}

function describeTrial(
  trial: NonNullable<TrainerReport['trial']>,
  sinceMs: number | undefined,
): Answer<typeof TrialAnswer> {
  const { version, stage, by, reason, compared, agreed, waiting } = trial
  return {
    ...{ version, kind: stage.kind, by, reason },
    ...(stage.kind === 'canary' ? { share: stage.share } : { compared, agreed }),
    ...(sinceMs !== undefined && { since: new Date(sinceMs).toISOString() }),
    candidate: arm(trial.candidate),
    live: arm(trial.live),
    ...(waiting !== undefined && { waiting }),
  }
}

function arm({ count, errors }: { readonly count: number; readonly errors: number }) {
  return { judged: count, error: count === 0 ? null : errors / count }
}
