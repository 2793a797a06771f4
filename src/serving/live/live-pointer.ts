/**
 * Follows the pointer of the registry: each routing is loaded and warmed first, and only then answers. If its live version
 * cannot be loaded, the old one stays; the failure is logged, counted, shown, and retried at the next move, or soon if it
 * may pass.
 *
 * The pointer may also name a canary and a shadow. Each is loaded before the move is followed, like the live one.
 */
import { CodedError, rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { RetryDelays } from '../../contracts/source.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { failure } from '../../platform/errors.ts'
import { isRetriable } from '../../platform/retry.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import type { Manifest, Registry, Routing } from '../../versions/contract.ts'
import type { AdapterCache, HeldAdapter } from './adapter-cache.ts'
import type { FailedSwap, LiveAdapter, LiveModel } from './contract.ts'
import {
  openSwaps,
  loadRouting,
  releaseRouting,
  sendSwap,
  subjectOf,
  openGenerations,
  type Swaps,
  type LoadedRouting,
  type SwapRecord,
  type Generations,
} from './swaps.ts'

export interface LivePointerOptions {
  readonly model: string
  /** As in `Predictor`. */
  readonly base: Pick<Base, 'name' | 'language'>
  readonly registry: Registry
  /** When a version that failed for a passing reason is tried again. */
  readonly retry: RetryDelays
  /** This version answers from now on. */
  readonly onAnswering?: (version: string) => void
  readonly clock: Clock
  readonly metrics: Pick<Metrics, 'count' | 'observe' | 'gauge'>
  /** Where the spans of swaps go; absent = swaps are not traced. */
  readonly spans?: Pick<SpanExporter, 'add'> | undefined
  readonly log: Logger
}

/** The routing that answers, and its adapters. */
type Live = LiveAdapter & LoadedRouting
type SwapTracer = (ended: Pick<SwapRecord, 'manifest' | 'error'>) => void

export class LivePointer {
  readonly #options: LivePointerOptions
  readonly #adapterCache: Pick<AdapterCache, 'hold'>
  readonly #swaps: Swaps
  #live: Live | undefined
  #failed: FailedSwap | undefined
  /** A failure is retried automatically. */
  #isPassing = false
  /** The same failure in a row. */
  #failing: { readonly what: string; readonly times: number; readonly sinceMs: number } | undefined
  readonly #generations: Generations
  readonly #closing = new AbortController()
  #stopWatching: (() => void) | undefined

  constructor(options: LivePointerOptions, adapterCache: Pick<AdapterCache, 'hold'>) {
    this.#options = options
    this.#adapterCache = adapterCache
    this.#generations = openGenerations(options.clock)
    this.#swaps = openSwaps((pointer) => this.#carryOut(pointer))
  }

  /** Undefined until the first version is loaded. */
  get live(): Live | undefined {
    return this.#live
  }

  /** The version that the pointer names and that could not be loaded, while that is so. */
  get failed(): FailedSwap | undefined {
    return this.#failed
  }

  async follow(): Promise<void> {
    const pointer = await this.#options.registry.live()
    if (pointer !== undefined) await this.#start(pointer)
    this.#stopWatching = this.#options.registry.watch((moved) => void this.#tryTo(moved))
  }

  until(generation: number, limits: Parameters<LiveModel['until']>[1]): Promise<boolean> {
    return this.#generations.until(generation, limits)
  }

  async swap(pointer: Routing): Promise<void> {
    await this.#swaps.request(pointer)
  }

  /** Resolves when no swap is being carried out; none follows. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#stopWatching?.()
    await this.#swaps.idle()
  }

  /** Starts with the live version, or with the best one that can be loaded instead. */
  async #start(pointer: Routing): Promise<void> {
    await this.#tryTo(pointer)
    // Temporary failures are retried soon.
    if (this.#live !== undefined || this.#failed === undefined || this.#isPassing) return
    const others = await fallbacks(this.#options.registry, pointer)
    for (const other of others) {
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
    const { model, log } = this.#options
    if (others.length > 0) log.warn({ model, tried: others.length }, 'no older version can answer')
  }

  async #held(version: string): Promise<HeldAdapter | undefined> {
    try {
      return await this.#adapterCache.hold(version, 'urgent')
    } catch (err) {
      // With a base that was changed there are as many as there are versions.
      this.#options.log.debug(
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
    if (other === undefined) {
      this.#failing = undefined
      return
    }
    // The live version answers for it, and it is tried again like a live one.
    this.#stay(pointer, other.error, other.version)
    throw other.error
  }

  /** Undefined if swaps are not traced. */
  #traced(pointer: Routing): SwapTracer | undefined {
    const { spans, clock, model } = this.#options
    if (spans === undefined) return undefined
    const [startMs, isFirst] = [clock.nowMs(), this.#live === undefined]
    return (ended) =>
      sendSwap(spans, { model, pointer, isFirst, startMs, endMs: clock.nowMs(), ...ended })
  }

  async #loaded(pointer: Routing, traced: SwapTracer | undefined): ReturnType<typeof loadRouting> {
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
    // A canary or a shadow that could not be loaded is tried again, and the pointer is where it was.
    const isAgain = this.#live?.pointer.generation === generation
    this.#answerWith(next)
    this.#failed = undefined
    this.#generations.reach(generation)
    metrics.gauge('liveGeneration', { model }, generation)
    metrics.gauge('canaryShare', { model }, next.canary ? (next.pointer.canary?.share ?? 0) : 0)
    if (isAgain) return
    metrics.count('swaps', { model, by })
    log.info({ model, version, generation, by, reason }, 'live version')
  }

  #answerWith(next: Live): void {
    const before = this.#live
    this.#live = next
    if (before !== undefined) releaseRouting(before)
    warnOfTemplate(next.manifest, this.#options)
    this.#options.onAnswering?.(next.manifest.version)
  }

  #stay(pointer: Routing, error: unknown, version = pointer.live.version): void {
    const { model, metrics, log, clock } = this.#options
    const code = error instanceof CodedError ? error.code : 'INTERNAL'
    const message = error instanceof Error ? error.message : String(error)
    const what = `${version} ${code}`
    const before = this.#failing?.what === what ? this.#failing : undefined
    const { times, sinceMs } = { times: 0, sinceMs: clock.nowMs(), ...before }
    this.#failing = { what, times: times + 1, sinceMs }
    this.#failed = { version, code, message, sinceMs }
    metrics.count('swapFailures', { model, code })
    this.#isPassing = isRetriable(error)
    const about = {
      model,
      version,
      code,
      err: error,
      goesOn: this.#live?.pointer.live.version ?? null,
    }
    // What passes by itself within one try is no error, and what does not is one, not one a second.
    if (this.#isPassing && times === 0)
      log.warn(about, 'version cannot be served yet: trying again')
    else if (!this.#isPassing || times === 1) log.error(about, 'version cannot be served')
    if (this.#isPassing) void this.#tryLater(pointer)
  }

  async #tryLater(pointer: Routing): Promise<void> {
    const { clock, retry } = this.#options
    if (await rest(clock, retry.delayMs(0), this.#closing.signal)) await this.#tryTo(pointer)
  }
}

/** It answers nevertheless: its numbers are for these weights, and only the form of the conversations is new to it. */
function warnOfTemplate(
  { version, chat_template: taught }: Manifest,
  { model, base: { name, language }, log }: LivePointerOptions,
): void {
  if (taught === undefined || taught === language?.template) return
  const message = `${version} learned conversations in another form than the chat template of ${name} has now`
  const err = failure('CHAT_TEMPLATE_CHANGED', message, { details: { version } })
  log.warn({ model, version, code: err.code, err }, 'the chat template has changed')
}

/**
 * The substitute when the live version cannot be loaded at the start: the previously live versions, in the order of a
 * rollback, then the newest existing ones. An older answer is better than none, and names its version.
 */
const HISTORY = 1000
/** Each is read from disk and verified, while nothing answers. */
const MOST_TRIED = 100

/** Best first. Each is named by the move that made it live, if that is known. */
async function fallbacks(
  registry: Pick<Registry, 'history' | 'list'>,
  pointer: Routing,
): Promise<readonly Routing[]> {
  const history = await registry.history(HISTORY)
  const listed = await registry.list(MOST_TRIED)
  const newest = listed.filter(({ removed }) => !removed).map(({ manifest }) => manifest.version)
  const names = new Set([...versionsBefore(history), ...newest])
  names.delete(pointer.live.version)
  const unknown = { ...pointer, generation: 0, previous: null }
  return [...names].slice(0, MOST_TRIED).map((version) => {
    const found = history.find((each) => each.live.version === version) ?? unknown
    const { canary: _canary, shadow: _shadow, ...move } = found
    return { ...move, live: { ...move.live, version } }
  })
}

/**
 * The target of an unspecified rollback: the version that was live before the present one; if its bytes were removed,
 * the one before that, and so on.
 *
 * Moves are read as a stack: a promotion puts its version on top, a rollback removes everything above its target. So
 * two rollbacks in a row go back two versions, never forward again to the one that was just rejected.
 *
 * In order of preference. `history` is newest first.
 */
export function versionsBefore(history: readonly Routing[]): readonly string[] {
  const { stack } = stackOf(history)
  const live = stack.pop()
  return [...new Set(stack.reverse())].filter((version) => version !== live)
}

/** A rollback in this part of the history went back to a version from before it: what was live then is not in it. */
export function reachesBack(history: readonly Routing[]): boolean {
  return stackOf(history).reachesBack
}

function stackOf(history: readonly Routing[]) {
  const stack: string[] = []
  let reachesBack = false
  for (const {
    live: { version },
    by,
  } of [...history].reverse()) {
    const at = stack.lastIndexOf(version)
    const isBack = by === 'rollback' || by === 'policy'
    reachesBack ||= isBack && at < 0
    if (isBack && at >= 0) stack.length = at + 1
    else if (stack.at(-1) !== version) stack.push(version)
  }
  return { stack, reachesBack }
}
