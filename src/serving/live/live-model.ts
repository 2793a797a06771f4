/**
 * One served model: the adapter that answers, and how another replaces it.
 *
 * A request captures the live adapter once and finishes on it. A swap loads and warms the new adapter first and only
 * then moves the reference, so it can neither fail nor delay a request. If the new one cannot be loaded, the old one
 * stays live; the failure is logged, counted, shown, and retried at the next move of the pointer.
 *
 * The pointer may also name a canary, which answers a share of the requests, and a shadow, which answers none: what it
 * would have said is computed after the answer. Each is loaded before the move is followed, like the live one.
 */
import { CodedError, type Logger } from '../../contracts/core.ts'
import type { ServingEngine } from '../engine/contract.ts'
import type { Routing, Manifest, Registry } from '../../versions/contract.ts'
import type { RetryDelays } from '../../contracts/source.ts'
import { failure } from '../../platform/errors.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { isRetriable } from '../../platform/retry.ts'
import {
  answer,
  type Answered,
  type AnsweredRequest,
  type Predictor,
  type PredictRequest,
} from './predict.ts'
import { fallbacks } from './fallback.ts'
import { openGenerations, type Generations } from './generations.ts'
import { openAdapterCache, type HeldAdapter, type AdapterCache } from './adapter-cache.ts'
import { isForCanary } from './arms.ts'
import { loadRouting, releaseRouting, type LoadedRouting } from './loaded-routing.ts'
import { ShadowQueue } from './shadow-queue.ts'
import { faultOf, type Attempt } from './watched-answer.ts'
import type { Batcher } from '../engine/batcher.ts'
import { openSwaps, type Swaps } from './swaps.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import { sendSwap, subjectOf, type Swapped } from './swap-span.ts'

export interface LiveModel {
  /** Undefined until the first version is loaded. */
  live(): LiveAdapter | undefined
  /** The version that the pointer names and that could not be loaded, while that is so. */
  failedSwap(): FailedSwap | undefined
  /** False when this generation, or a later one, does not answer within `waitMs`; rejects when aborted first. */
  until(
    generation: number,
    limits: { readonly waitMs: number; readonly signal?: AbortSignal },
  ): Promise<boolean>
  predict(request: PredictRequest): Promise<Prediction>
  /** The version that a request uses from here on, even if the pointer moves, for an answer of many steps. */
  hold(request: Pick<PredictRequest, 'version' | 'key'>): Promise<HeldVersion>
  /** Resolves when every answer that was given before is handed to the predictions, with that of a shadow. */
  settled(): Promise<void>
  /** Resolves when this pointer, or a later one, answers; rejects if its version cannot be loaded. */
  swap(pointer: Routing): Promise<void>
  /** Proves that a version can answer, from its bytes on disk to the engine, and keeps it warm for a while. */
  prove(version: string): Promise<Manifest>
  /** Follows the registry's pointer no longer, and unloads everything. The batcher has ended before. */
  close(): Promise<void>
}

export interface LiveAdapter {
  readonly manifest: Manifest
  readonly pointer: Routing
}

export interface FailedSwap {
  readonly version: string
  readonly code: string
  readonly message: string
  readonly sinceMs: number
}

export interface Prediction {
  readonly manifest: Manifest
  /** Of the pointer that selected the version; absent if it was requested by name. */
  readonly generation: number | undefined
  /** The canary answered. */
  readonly arm?: 'canary'
  readonly predictions: readonly Answered[]
}

/** It stays loaded until `release`. */
export interface HeldVersion extends Pick<Prediction, 'manifest' | 'generation' | 'arm'> {
  /** The canary that has a share of the requests meanwhile. */
  readonly canary?: string
  /** Counts it: answered, or failed as `error` says. */
  ended(
    request: Pick<PredictRequest, 'inputs' | 'signal'>,
    failed?: { readonly error: unknown },
  ): void
  release(): void
}

export interface LiveModelOptions extends Predictor {
  readonly batcher: Pick<Batcher, 'run' | 'waiting'>
  /** The most rows that wait for a shadow. */
  readonly shadowRows: number
  readonly registry: Registry
  readonly engine: Pick<ServingEngine, 'load' | 'unload'>
  /** Old versions that stay loaded for requests by name. */
  readonly idleVersions: number
  /** Maximum of versions loaded by requests that name them. */
  readonly mostVersions: number
  /** When a version that failed for a passing reason is tried again. */
  readonly retry: RetryDelays
  /** This version answers from now on. */
  readonly onAnswering?: (version: string) => void
  /** The live version has answered a request, or failed to. */
  readonly onAttempt?: (attempt: Attempt) => void
  readonly metrics: Pick<Metrics, 'count' | 'observe' | 'gauge'>
  /** Where the spans of swaps go; absent = swaps are not traced. */
  readonly spans?: Pick<SpanExporter, 'add'> | undefined
  readonly log: Logger
}

/** Serves the registry's live version immediately, if it can be served, and follows the pointer from then on. */
export async function openLiveModel(options: LiveModelOptions): Promise<LiveModel> {
  const model = new SwappingModel(options)
  await model.follow()
  return model
}

type Live = LiveAdapter & LoadedRouting
type Traced = (ended: Pick<Swapped, 'manifest' | 'error'>) => void

/** What answers a request. */
interface Begun {
  readonly adapter: HeldAdapter
  readonly generation: number | undefined
  readonly arm?: 'live' | 'canary'
  /** The canary that has a share of the requests. */
  readonly canary?: string
  readonly shadow?: HeldAdapter
}

class SwappingModel implements LiveModel {
  readonly #options: LiveModelOptions
  readonly #adapterCache: AdapterCache
  readonly #swaps: Swaps
  readonly #shadows: ShadowQueue
  #live: Live | undefined
  #failed: FailedSwap | undefined
  /** A failure is retried automatically. */
  #isPassing = false
  readonly #generations: Generations
  readonly #closing = new AbortController()
  #stopWatching: (() => void) | undefined

  constructor(options: LiveModelOptions) {
    this.#options = options
    this.#adapterCache = openAdapterCache({
      ...options,
      idle: options.idleVersions,
      most: options.mostVersions,
    })
    this.#generations = openGenerations(options.clock)
    this.#swaps = openSwaps((pointer) => this.#carryOut(pointer))
    this.#shadows = new ShadowQueue(options)
  }

  async follow(): Promise<void> {
    const pointer = await this.#options.registry.live()
    if (pointer !== undefined) await this.#start(pointer)
    this.#stopWatching = this.#options.registry.watch((moved) => void this.#tryTo(moved))
  }

  live(): LiveAdapter | undefined {
    return this.#live
  }

  failedSwap(): FailedSwap | undefined {
    return this.#failed
  }

  until(generation: number, limits: Parameters<LiveModel['until']>[1]): Promise<boolean> {
    return this.#generations.until(generation, limits)
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

  /** Of a shadow nothing is computed: a text would take as long as the answer itself. */
  async hold(request: Pick<PredictRequest, 'version' | 'key'>): Promise<HeldVersion> {
    const begun = await this.#begin(request)
    const { adapter, generation, arm, canary } = begun
    begun.shadow?.release()
    return {
      ...{ manifest: adapter.manifest, generation },
      ...(arm === 'canary' && { arm }),
      ...(canary !== undefined && { canary }),
      ended: (asked, failed) => {
        if (failed === undefined) {
          this.#attempted(begun, asked)
          this.#count(begun, asked.inputs.length)
        } else this.#failedWith(begun, asked, failed.error)
      },
      release: () => adapter.release(),
    }
  }

  async #answer(begun: Begun, request: PredictRequest): Promise<AnsweredRequest> {
    const { manifest } = begun.adapter
    try {
      const answered = await answer(this.#options, manifest, request, begun.canary)
      this.#attempted(begun, request)
      return answered
    } catch (error) {
      this.#failedWith(begun, request, error)
      throw error
    }
  }

  #failedWith(
    begun: Begun,
    request: Pick<PredictRequest, 'inputs' | 'signal'>,
    error: unknown,
  ): void {
    const fault = faultOf(error, request.signal)
    if (fault !== undefined) this.#attempted(begun, request, { fault, error })
  }

  #count({ arm }: Begun, answers: number): void {
    const { model, metrics } = this.#options
    metrics.count('predictions', { model }, answers)
    metrics.count('armPredictions', { model, arm: arm ?? 'named' }, answers)
  }

  #attempted(
    { adapter, arm, generation }: Begun,
    { inputs }: Pick<PredictRequest, 'inputs'>,
    failed: Pick<Attempt, 'fault' | 'error'> = {},
  ): void {
    if (arm === undefined || generation === undefined) return
    const { version } = adapter.manifest
    const isCanary = arm === 'canary' && { isCanary: true as const }
    this.#options.onAttempt?.({ version, generation, inputs, ...isCanary, ...failed })
  }

  #record({ shadow }: Begun, { rows, served }: Pick<AnsweredRequest, 'rows' | 'served'>): void {
    if (shadow === undefined) this.#options.predictions.record(served)
    else this.#shadows.offer({ adapter: shadow.again(), rows, served })
  }

  async settled(): Promise<void> {
    await this.#shadows.settled()
  }

  async swap(pointer: Routing): Promise<void> {
    await this.#swaps.request(pointer)
  }

  async prove(version: string): Promise<Manifest> {
    const adapter = await this.#adapterCache.prove(version)
    adapter.release()
    return adapter.manifest
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#stopWatching?.()
    await this.#swaps.idle()
    await this.#shadows.close()
    this.#adapterCache.close()
  }

  /** The adapter that the request uses from here to its end, even if the pointer moves. */
  async #begin({ version, key }: Pick<PredictRequest, 'version' | 'key'>): Promise<Begun> {
    if (version !== undefined) {
      return { adapter: await this.#adapterCache.hold(version, 'bounded'), generation: undefined }
    }
    const live = this.#live
    if (live === undefined) throw this.#notReady()
    const { generation, canary: routed } = live.pointer
    // Only one that could be loaded.
    const canary = live.canary && routed
    const of = { generation, ...(canary && { canary: canary.version }) }
    if (live.canary && canary && isForCanary(canary, key ?? this.#options.predictionId()))
      return { ...of, adapter: live.canary.again(), arm: 'canary' }
    const shadow = live.shadow && { shadow: live.shadow.again() }
    return { ...of, adapter: live.adapter.again(), arm: 'live', ...shadow }
  }

  #notReady(): CodedError {
    const { model } = this.#options
    const failed = this.#failed
    if (failed === undefined)
      return failure('NOT_READY', `model ${model} has no version loaded yet`)
    const { version, code, message } = failed
    const text = `model ${model} has no version that can answer; ${version} is live: ${code}: ${message}`
    return failure('NOT_READY', text, { details: { version, cause: code } })
  }

  /** With the live version, or with the best one that can be loaded instead. */
  async #start(pointer: Routing): Promise<void> {
    await this.#tryTo(pointer)
    // What fails for a passing reason is tried again soon.
    if (this.#live !== undefined || this.#failed === undefined || this.#isPassing) return
    for (const other of await fallbacks(this.#options.registry, pointer)) {
      const adapter = await this.#held(other.live.version)
      if (adapter === undefined) continue
      const { manifest } = adapter
      this.#answerWith({
        adapter,
        manifest,
        pointer: { ...other, live: { version: other.live.version, digest: manifest.digest } },
      })
      const { model, log } = this.#options
      const { code, version: unusable } = this.#failed
      const words = 'the live version is unusable: an older one answers'
      log.error({ model, unusable, code, version: other.live.version }, words)
      return
    }
  }

  async #held(version: string): Promise<HeldAdapter | undefined> {
    try {
      return await this.#adapterCache.hold(version, 'urgent')
    } catch (err) {
      this.#options.log.warn(
        { model: this.#options.model, version, err },
        'cannot be served either',
      )
      return undefined
    }
  }

  /** A swap without a waiting caller: its failure was reported where it happened. */
  async #tryTo(pointer: Routing): Promise<void> {
    await this.#swaps.request(pointer).catch(() => undefined)
  }

  async #carryOut(pointer: Routing): Promise<void> {
    const startMs = this.#options.clock.monotonicMs()
    const traced = this.#traced(pointer)
    const { loaded, failed } = await this.#loaded(pointer, traced)
    const before = this.#live?.manifest
    this.#move({ ...loaded, pointer, manifest: loaded.adapter.manifest })
    traced?.({ manifest: subjectOf(loaded, before) })
    const { model, metrics, clock } = this.#options
    metrics.observe('swapSeconds', { model }, (clock.monotonicMs() - startMs) / 1000)
    const [other] = failed
    if (other === undefined) return
    // The live version answers for it, and it is tried again like a live one.
    this.#stay(pointer, other.error, other.version)
    throw other.error
  }

  /** Undefined where swaps are not traced. */
  #traced(pointer: Routing): Traced | undefined {
    const { spans, clock, model } = this.#options
    if (spans === undefined) return undefined
    const [startMs, isFirst] = [clock.nowMs(), this.#live === undefined]
    return (ended) =>
      sendSwap(spans, { model, pointer, isFirst, startMs, endMs: clock.nowMs(), ...ended })
  }

  async #loaded(pointer: Routing, traced: Traced | undefined): ReturnType<typeof loadRouting> {
    try {
      return await loadRouting(this.#adapterCache, pointer)
    } catch (error) {
      traced?.({ error })
      this.#stay(pointer, error)
      throw error
    }
  }

  #move(next: Live): void {
    const { model, metrics, log } = this.#options
    const {
      live: { version },
      generation,
      by,
      reason,
    } = next.pointer
    this.#answerWith(next)
    this.#failed = undefined
    this.#generations.reach(generation)
    metrics.count('swaps', { model, by })
    metrics.gauge('liveGeneration', { model }, generation)
    metrics.gauge('canaryShare', { model }, next.canary ? (next.pointer.canary?.share ?? 0) : 0)
    log.info({ model, version, generation, by, reason }, 'live version')
  }

  #answerWith(next: Live): void {
    const before = this.#live
    this.#live = next
    if (before !== undefined) releaseRouting(before)
    this.#options.onAnswering?.(next.manifest.version)
  }

  #stay(pointer: Routing, error: unknown, version = pointer.live.version): void {
    const { model, metrics, log, clock } = this.#options
    const code = error instanceof CodedError ? error.code : 'INTERNAL'
    const message = error instanceof Error ? error.message : String(error)
    this.#failed = { version, code, message, sinceMs: clock.nowMs() }
    metrics.count('swapFailures', { model, code })
    const goesOn = this.#live?.pointer.live.version ?? null
    log.error({ model, version, code, err: error, goesOn }, 'version cannot be served')
    this.#isPassing = isRetriable(error)
    if (this.#isPassing) void this.#tryLater(pointer)
  }

  async #tryLater(pointer: Routing): Promise<void> {
    const { clock, retry } = this.#options
    await clock.sleep(retry.delayMs(0), this.#closing.signal).then(
      () => this.#tryTo(pointer),
      () => undefined, // closed meanwhile
    )
  }
}
