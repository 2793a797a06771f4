/**
 * One served model: how its adapters answer requests.
 *
 * A request captures the live adapter once and finishes on it, so that a swap can neither fail nor delay it. A canary
 * answers a share of the requests, and a shadow answers none: what it would have said is computed after the answer.
 */
import { createHash } from 'node:crypto'
import type { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Manifest, Routing } from '../../versions/contract.ts'
import type { Batcher } from '../engine/batcher.ts'
import { AdapterCache, type AdapterEngine, type HeldAdapter } from './adapter-cache.ts'
import type { FailedSwap, HeldVersion, LiveAdapter, LiveModel, Prediction } from './contract.ts'
import { LivePointer, type LivePointerOptions } from './live-pointer.ts'
import {
  answer,
  faultOf,
  type AnsweredRequest,
  type Predictor,
  type PredictRequest,
  type TrialMark,
  type Attempt,
} from './predict.ts'
import { ShadowQueue } from './shadow-queue.ts'

/**
 * Which requests a canary answers: those with a key that hashes to less than its share. The same key has the same hash in every
 * daemon, so a user stays on one side; as the share grows, users only move to the canary, never back. Each canary has
 * its own hash, so that not always the same users come first.
 */
interface CanaryShare {
  readonly version: string
  /** Between 0 and 1. */
  readonly share: number
}

function isForCanary({ version, share }: CanaryShare, key: string): boolean {
  return placeOf(version, key) < share
}

const BYTES = 6

/** What a prediction keeps of a key: equal for equal keys of one trial, and no key can be read from it. */
export function unitOf(trial: string, key: string): string {
  return createHash('sha256')
    .update(trial)
    .update('\0')
    .update(key)
    .digest('hex')
    .slice(0, 2 * BYTES)
}

/** Evenly over 0 ≤ place < 1. */
export function placeOf(canary: string, key: string): number {
  const hash = createHash('sha256').update(canary).update('\0').update(key).digest()
  return hash.readUIntBE(0, BYTES) / 2 ** (8 * BYTES)
}

export interface LiveModelOptions extends Predictor, LivePointerOptions {
  readonly base: Predictor['base'] & LivePointerOptions['base']
  readonly batcher: Pick<Batcher, 'run' | 'waiting'>
  /** The most rows that wait for a shadow. */
  readonly shadowRows: number
  readonly engine: AdapterEngine
  /** Old versions that stay loaded for requests by name. */
  readonly idleVersions: number
  /** Maximum of versions loaded by requests that name them. */
  readonly mostVersions: number
  /** The live version has answered a request, or failed to. */
  readonly onAttempt?: (attempt: Attempt) => void
}

/** Serves the registry's live version immediately, if it can be served, and follows the pointer from then on. */
export async function openLiveModel(options: LiveModelOptions): Promise<LiveModel> {
  const adapterCache = new AdapterCache({
    ...options,
    idle: options.idleVersions,
    most: options.mostVersions,
  })
  const pointer = new LivePointer(options, adapterCache)
  await pointer.follow()
  return new AnsweringModel(options, adapterCache, pointer)
}

/** The version that answers a request. */
interface AnswerStart {
  readonly adapter: HeldAdapter
  readonly generation: number | undefined
  readonly arm?: 'live' | 'canary'
  readonly trial: TrialMark
  readonly shadow?: HeldAdapter
}

class AnsweringModel implements LiveModel {
  readonly #options: LiveModelOptions
  readonly #adapterCache: AdapterCache
  readonly #pointer: LivePointer
  readonly #shadows: ShadowQueue

  constructor(options: LiveModelOptions, adapterCache: AdapterCache, pointer: LivePointer) {
    this.#options = options
    this.#adapterCache = adapterCache
    this.#pointer = pointer
    this.#shadows = new ShadowQueue(options)
  }

  live(): LiveAdapter | undefined {
    return this.#pointer.live
  }

  failedSwap(): FailedSwap | undefined {
    return this.#pointer.failed
  }

  until(generation: number, limits: Parameters<LiveModel['until']>[1]): Promise<boolean> {
    return this.#pointer.until(generation, limits)
  }

  async predict(request: PredictRequest): Promise<Prediction> {
    const begun = await this.#begin(request)
    const { adapter, generation, arm } = begun
    const { manifest } = adapter
    try {
      const { answers, rows, served } = await this.#answer(begun, request)
      this.#record(begun, { rows, served })
      const { model, metrics } = this.#options
      this.#count(begun, answers.length)
      const truncated = answers.filter((each) => each.truncated).length
      metrics.count('truncated', { model, by: 'server' }, truncated)
      return { manifest, generation, ...(arm === 'canary' && { arm }), predictions: answers }
    } finally {
      adapter.release()
      begun.shadow?.release()
    }
  }

  /** Computes no shadow: its text would take as long as the answer itself. */
  async hold(request: Pick<PredictRequest, 'version' | 'key'>): Promise<HeldVersion> {
    const begun = await this.#begin(request)
    const { adapter, generation, arm, trial } = begun
    begun.shadow?.release()
    return {
      ...{ manifest: adapter.manifest, generation, trial },
      ...(arm === 'canary' && { arm }),
      ended: (asked, failed) => {
        if (failed === undefined) {
          this.#attempted(begun, asked)
          this.#count(begun, asked.inputs.length)
        } else this.#failedWith(begun, asked, failed.error)
      },
      release: () => adapter.release(),
    }
  }

  async #answer(begun: AnswerStart, request: PredictRequest): Promise<AnsweredRequest> {
    const { manifest } = begun.adapter
    try {
      const answered = await answer(this.#options, manifest, request, begun.trial)
      this.#attempted(begun, request)
      return answered
    } catch (error) {
      this.#failedWith(begun, request, error)
      throw error
    }
  }

  #failedWith(
    begun: AnswerStart,
    request: Pick<PredictRequest, 'inputs' | 'signal'>,
    error: unknown,
  ): void {
    const fault = faultOf(error, request.signal)
    if (fault !== undefined) this.#attempted(begun, request, { fault, error })
  }

  #count({ arm }: AnswerStart, answers: number): void {
    const { model, metrics } = this.#options
    metrics.count('predictions', { model }, answers)
    metrics.count('armPredictions', { model, arm: arm ?? 'named' }, answers)
  }

  #attempted(
    { adapter, arm, generation }: AnswerStart,
    { inputs }: Pick<PredictRequest, 'inputs'>,
    failed: Pick<Attempt, 'fault' | 'error'> = {},
  ): void {
    if (arm === undefined || generation === undefined) return
    const { version } = adapter.manifest
    const isCanary = arm === 'canary' && { isCanary: true as const }
    this.#options.onAttempt?.({ version, generation, inputs, ...isCanary, ...failed })
  }

  #record(
    { shadow }: AnswerStart,
    { rows, served }: Pick<AnsweredRequest, 'rows' | 'served'>,
  ): void {
    if (shadow === undefined) this.#options.predictions.record(served)
    else this.#shadows.offer({ adapter: shadow.again(), rows, served })
  }

  async settled(): Promise<void> {
    await this.#shadows.settled()
  }

  async swap(pointer: Routing): Promise<void> {
    await this.#pointer.swap(pointer)
  }

  async prepare(version: string): Promise<void> {
    try {
      const adapter = await this.#adapterCache.hold(version, 'urgent')
      adapter.release()
    } catch (err) {
      this.#options.log.debug({ model: this.#options.model, version, err }, 'cannot be prepared')
    }
  }

  async prove(version: string): Promise<Manifest> {
    const adapter = await this.#adapterCache.prove(version)
    adapter.release()
    return adapter.manifest
  }

  async close(): Promise<void> {
    await this.#pointer.close()
    await this.#shadows.close()
    this.#adapterCache.close()
  }

  /** The adapter that the request uses from here to its end, even if the pointer moves. */
  async #begin({ version, key }: Pick<PredictRequest, 'version' | 'key'>): Promise<AnswerStart> {
    if (version !== undefined) {
      const adapter = await this.#adapterCache.hold(version, 'bounded')
      return { adapter, generation: undefined, trial: {} }
    }
    const { live } = this.#pointer
    if (live === undefined) throw this.#notReady()
    const { generation, canary: routed } = live.pointer
    // Only one that could be loaded.
    const canary = live.canary && routed
    const tried = canary?.version ?? live.shadow?.manifest.version
    const unit = tried !== undefined && key !== undefined && { unit: unitOf(tried, key) }
    const of = { generation, trial: { ...(canary && { canary: canary.version }), ...unit } }
    if (live.canary && canary && isForCanary(canary, key ?? this.#options.predictionId()))
      return { ...of, adapter: live.canary.again(), arm: 'canary' }
    const shadow = live.shadow && { shadow: live.shadow.again() }
    return { ...of, adapter: live.adapter.again(), arm: 'live', ...shadow }
  }

  #notReady(): CodedError {
    const { model } = this.#options
    const { failed } = this.#pointer
    if (failed === undefined)
      return failure('NOT_READY', `model ${model} has no version loaded yet`)
    const { version, code, message } = failed
    const text = `model ${model} has no version that can answer; ${version} is live: ${code}: ${message}`
    return failure('NOT_READY', text, { details: { version, cause: code } })
  }
}
