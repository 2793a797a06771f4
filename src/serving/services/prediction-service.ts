/**
 * Predictions for every surface: from the live version or from one by name, optionally after a generation of the live
 * pointer, or a position of the feedback, is reached.
 */
import { CodedError, type Clock, type Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import type { VersionService } from '../../versions/service.ts'
import type { LiveModel, Prediction } from '../live/contract.ts'
import type { PredictRequest } from '../live/predict.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { PayloadLimits } from '../../contracts/payload.ts'
import { readInput } from '../../intake/events/fields.ts'
import { textOf, type Position } from './feedback/feedback-progress.ts'
import type { TrainerView } from './served-model.ts'
import type { TrainerPages } from './trainer-pages.ts'
import { explained, hasFailed } from './faults.ts'

/** The state that must be reached before the answer. */
export interface Freshness {
  /** The generation of the live pointer. */
  readonly generation?: number | undefined
  /** A feedback position: everything up to it has been learned, as far as it starts an update. */
  readonly position?: Position | undefined
}

export interface PastTime {
  /** The version that was live then answers. */
  readonly atMs?: number | undefined
}

export interface WithoutSource {
  /** The live version answers without what this source has taught it. */
  readonly without?: string | undefined
}

export interface PredictionService {
  /**
   * Throws `NOT_READY` with what its trainer says, and what `until` and `liveAt` throw; without a source `SUMS_UNKNOWN`,
   * `SUMS_MOVED` and `SOURCE_UNKNOWN` too.
   */
  predict(request: PredictRequest & PastTime & Freshness & WithoutSource): Promise<Prediction>
  /** Throws `GENERATION_NOT_REACHED`, `POSITION_NOT_REACHED`, or the signal's reason. */
  until(freshness: Freshness, signal: AbortSignal | undefined): Promise<void>
}

export interface PredictionOptions {
  readonly model: string
  readonly live: Pick<LiveModel, 'live' | 'predict' | 'until'>
  readonly versions: Pick<VersionService, 'liveAt'>
  readonly trainer: TrainerView
  readonly pages: Pick<TrainerPages, 'without'>
  readonly limits: Pick<Limits, 'min_generation_ms' | 'wait_for_ms'>
  readonly clock: Clock
}

export function openPredictionService(options: PredictionOptions): PredictionService {
  const { model, live, trainer, versions } = options
  const until: PredictionService['until'] = async ({ generation, position }, signal) => {
    if (generation !== undefined) await untilGeneration(options, generation, signal)
    if (position !== undefined) await untilLearned(options, position, signal)
  }
  return {
    until,
    async predict({ version: named, atMs, without, ...request }) {
      const { inputs, key, signal, traceparent, ...freshness } = request
      await until(freshness, signal)
      if (without !== undefined) {
        if ((named ?? atMs) !== undefined) throw notOfLive()
        return answerWithout(options, without, { inputs, key, signal, traceparent })
      }
      const past = atMs === undefined ? undefined : await versions.liveAt(atMs)
      try {
        const version = past?.live.version ?? named
        return await live.predict({ inputs, version, key, signal, traceparent })
      } catch (error) {
        throw explained(error, model, trainer.status(model))
      }
    },
  }
}

/** The sums are with the trainer, and so is the head without the source; the version is the live one, never a canary. */
async function answerWithout(
  { model, live, pages, trainer }: PredictionOptions,
  source: string,
  request: Omit<PredictRequest, 'version'>,
): Promise<Prediction> {
  try {
    return await live.predict({
      ...{ ...request, version: live.live()?.manifest.version },
      async outputs({ version, sums }) {
        if (sums?.digest === undefined)
          throw failure('SUMS_UNKNOWN', `${version} of ${model} was not made from exact sums`)
        const asked = { source, inputs: request.inputs, version, digest: sums.digest }
        const { logits } = await pages.without(asked)
        return logits.map((row) => Float32Array.from(row))
      },
    })
  } catch (error) {
    throw explained(error, model, trainer.status(model))
  }
}

function notOfLive(): CodedError {
  const message = 'without a source the live version answers: name no version and no time'
  return failure('REQUEST_INVALID', message, { details: { pointer: '/without' } })
}

async function untilGeneration(
  { model, live, limits }: PredictionOptions,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (await live.until(wanted, within(limits.min_generation_ms, signal))) return
  const generation = live.live()?.pointer.generation ?? 0
  const message = `model ${model} is at generation ${generation} here, not yet at ${wanted}`
  throw failure('GENERATION_NOT_REACHED', message, { details: { generation, wanted } })
}

/** Time between two checks of the report of a trainer elsewhere; one of this daemon is heard at once. */
const LOOK_MS = 25

/**
 * A position is reached when the event was read and the update it starts has ended: an update due by count, or, with a
 * trigger that uses the clock, the one after an idle time; and when the version of that update answers here. For an
 * event that starts no update (too few are pending, and there is no idle update) it waits until the event is read.
 */
async function untilLearned(
  options: PredictionOptions,
  position: Position,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { model, live, trainer, limits, clock } = options
  const untilMs = clock.monotonicMs() + limits.wait_for_ms
  const leftMs = () => Math.max(0, untilMs - clock.monotonicMs())
  let generation = trainer.reached?.(model, position)
  while (generation === undefined && leftMs() > 0 && !hasFailed(trainer.status(model))) {
    await untilReport(options, Math.min(LOOK_MS, leftMs()), signal)
    generation = trainer.reached?.(model, position)
  }
  if (generation !== undefined && (await live.until(generation, within(leftMs(), signal)))) return
  const { state, code, lag } = trainer.status(model)
  const text = textOf(position)
  const message = `model ${model} has not learned ${text} within ${limits.wait_for_ms} ms; its trainer is ${state}`
  const details = {
    position: text,
    trainer: state,
    lag,
    ...(code !== undefined && { trainer_code: code }),
  }
  throw failure('POSITION_NOT_REACHED', message, { details })
}

/** Until the trainer reports again, at most `waitMs`. */
async function untilReport(
  { model, trainer, clock }: PredictionOptions,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reported = new AbortController()
  const stop = trainer.onReport?.((about) => {
    if (about === model) reported.abort()
  })
  try {
    const signals = signal === undefined ? [] : [signal]
    await clock.sleep(waitMs, AbortSignal.any([reported.signal, ...signals]))
  } catch (error) {
    if (!reported.signal.aborted) throw error
  } finally {
    stop?.()
  }
}

function within(waitMs: number, signal: AbortSignal | undefined) {
  return { waitMs, ...(signal && { signal }) }
}

/**
 * The input of a request, by the rules for an event's input and with the error codes of a request.
 *
 * `pointer`: where the value stands in the body.
 */
export function requestInput(
  { reads }: Pick<Base, 'reads'>,
  limits: PayloadLimits,
  value: Json,
  pointer: string,
): Input {
  try {
    return readInput(value, limits, pointer, reads)
  } catch (error) {
    const isShape = error instanceof CodedError && error.code === 'EVENT_INVALID'
    if (!isShape) throw error
    throw failure('REQUEST_INVALID', error.message, { details: error.details, cause: error })
  }
}
