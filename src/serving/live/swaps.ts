/** Swaps of the version that answers: one at a time, loaded first, traced, and waited for by generation. */
import type { Routing, Manifest } from '../../versions/contract.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import { childOf, readTraceparent } from '../../platform/tracing/traceparent.ts'
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { AdapterCache, HeldAdapter } from './adapter-cache.ts'

export interface Swaps {
  /** Resolves when this pointer or a later one is in place; rejects when carrying it out failed. */
  request(pointer: Routing): Promise<void>
  /** Resolves when none is being carried out. */
  idle(): Promise<void>
}

interface Waiter {
  readonly generation: number
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * Moves of the live pointer, one at a time, the latest wins: moves that arrive while one is being carried out replace
 * each other, so that a burst of ten costs two loads and ends at the right version.
 *
 * `carryOut` is never called concurrently, and never with an older pointer than before.
 */
export function openSwaps(carryOut: (pointer: Routing) => Promise<void>): Swaps {
  let latest: Routing | undefined
  let inPlace = -1
  let running: Promise<void> | undefined
  let waiters: readonly Waiter[] = []

  function settle(generation: number, tell: (waiter: Waiter) => void): void {
    const due = waiters.filter((waiter) => waiter.generation <= generation)
    waiters = waiters.filter((waiter) => waiter.generation > generation)
    due.forEach(tell)
  }

  async function attempt(pointer: Routing): Promise<void> {
    try {
      await carryOut(pointer)
      inPlace = pointer.generation
      settle(pointer.generation, (waiter) => waiter.resolve())
    } catch (error) {
      settle(pointer.generation, (waiter) => waiter.reject(error))
    }
  }

  async function run(): Promise<void> {
    while (latest !== undefined && waiters.length > 0) await attempt(latest)
    running = undefined
  }

  return {
    idle: async () => running,
    request(pointer) {
      if (latest === undefined || pointer.generation >= latest.generation) latest = pointer
      if (pointer.generation <= inPlace) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiters = [...waiters, { generation: pointer.generation, resolve, reject }]
        running ??= run()
      })
    },
  }
}

/**
 * The adapters of a routing, loaded and verified before it is followed. The live one must load; a canary or a shadow
 * that cannot is left out, and the live version answers its requests.
 */
export interface LoadedRouting {
  readonly adapter: HeldAdapter
  readonly canary?: HeldAdapter
  readonly shadow?: HeldAdapter
}

interface Unloadable {
  readonly version: string
  readonly error: unknown
}

/** Rejects when the live version cannot be loaded. */
export async function loadRouting(
  cache: Pick<AdapterCache, 'hold'>,
  { live, canary, shadow }: Routing,
): Promise<{ readonly loaded: LoadedRouting; readonly failed: readonly Unloadable[] }> {
  const adapter = await cache.hold(live.version, 'urgent')
  const failed: Unloadable[] = []
  const other = async (version: string | undefined): Promise<HeldAdapter | undefined> => {
    if (version === undefined) return undefined
    try {
      return await cache.hold(version, 'urgent')
    } catch (error) {
      failed.push({ version, error })
      return undefined
    }
  }
  const [asCanary, asShadow] = [await other(canary?.version), await other(shadow?.version)]
  const loaded = {
    adapter,
    ...(asCanary && { canary: asCanary }),
    ...(asShadow && { shadow: asShadow }),
  }
  return { loaded, failed }
}

export function releaseRouting({ adapter, canary, shadow }: LoadedRouting): void {
  for (const held of [adapter, canary, shadow]) held?.release()
}

/**
 * The span of a swap: from the move of the pointer that was noticed to the first answer of the new version. It lies in
 * the trace of the update that made the version, below its publication. A person's move, or a start, comes long after:
 * it begins a trace of its own, and only links to that one.
 */
export interface SwapRecord {
  readonly model: string
  readonly pointer: Routing
  /** The version that a request may now get; absent: it could not be loaded. */
  readonly manifest?: Manifest | undefined
  /** Nothing answered before. */
  readonly isFirst: boolean
  readonly startMs: number
  readonly endMs: number
  readonly error?: unknown
}

/** The version that a swap is about: the live one, or, if that stays, the one on trial. */
export function subjectOf(
  { adapter, canary, shadow }: LoadedRouting,
  before: Manifest | undefined,
): Manifest {
  const { manifest } = adapter
  if (manifest.version !== before?.version) return manifest
  return (canary ?? shadow ?? adapter).manifest
}

export function sendSwap(spans: Pick<SpanExporter, 'add'>, swapped: SwapRecord): void {
  const { model, pointer, manifest, isFirst, startMs, endMs, error } = swapped
  const made = readTraceparent(manifest?.trace?.traceparent)
  const parent = pointer.by === 'trainer' && !isFirst ? made : undefined
  const version = manifest?.version ?? pointer.live.version
  const code = error instanceof CodedError ? error.code : 'INTERNAL'
  spans.add({
    ...{ context: childOf(parent), parentId: parent?.spanId, name: 'swap', kind: 'internal' },
    ...(made !== undefined && parent === undefined && { links: [made] }),
    ...{ startMs, endMs, isError: error !== undefined },
    attributes: {
      'antikythera.model': model,
      'antikythera.version': version,
      'antikythera.generation': pointer.generation,
      'antikythera.by': pointer.by,
      ...(error !== undefined && { 'error.type': code }),
    },
  })
}

/**
 * Requests that wait for the live pointer to reach a generation. Each waiter is a request in flight, so the server's
 * connections bound their number; a wait ends by the generation, by its deadline, or when the client disconnects.
 */
export interface Generations {
  /** 0 until something is live. */
  readonly reached: number
  /** This generation answers from now on; wakes the waiters for it and for earlier ones. */
  reach(generation: number): void
  /** False when it is not reached within `waitMs`. Rejects with the signal's reason when aborted first. */
  until(
    generation: number,
    limits: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<boolean>
}

interface GenerationWaiter {
  readonly generation: number
  readonly wake: () => void
}

export function openGenerations(clock: Clock): Generations {
  const waiters = new Set<GenerationWaiter>()
  let reached = 0
  return {
    get reached() {
      return reached
    },
    reach(generation) {
      reached = Math.max(reached, generation)
      for (const waiter of waiters) if (waiter.generation <= reached) waiter.wake()
    },
    async until(generation, { waitMs, signal }) {
      signal?.throwIfAborted()
      if (generation <= reached) return true
      const over = new AbortController()
      const waiter = { generation, wake: () => over.abort() }
      waiters.add(waiter)
      try {
        const both = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
        await clock.sleep(waitMs, both)
      } catch (error) {
        if (!over.signal.aborted) throw error
      } finally {
        waiters.delete(waiter)
      }
      return generation <= reached
    },
  }
}
