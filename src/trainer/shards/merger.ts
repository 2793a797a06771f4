/**
 * The trainer of a model that has shards: it adds the sums of their live versions, solves the head, and publishes it as the
 * model's next version.
 *
 * It keeps no state of its own. The manifest of a merged version names the version of each shard, the registries are durable,
 * and sums are exact: after a crash at any instant it makes the same version of the same parts. A move by a person goes to the
 * shards first, so that nothing is merged from what it has taken back.
 */
import { identityOf, recordedConfig } from '../../adapters/recorded-config.ts'
import type { SummedVersion } from '../../contracts/adapter.ts'
import { CodedError, rest } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Scores } from '../../contracts/release.ts'
import { Closers } from '../../platform/closers.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { isLeaseLost } from '../../platform/retry.ts'
import type {
  Manifest,
  ManifestDraft,
  Registry,
  Retention,
  Routing,
  RoutingMove,
  ShardVersion,
} from '../../versions/contract.ts'
import { numberOf } from '../../versions/order.ts'
import { isByTrainer } from '../../versions/routing.ts'
import { unknownStatus, type TrainerStatus } from '../contract.ts'
import type { Loop } from '../loop.ts'
import type { LeaseTerm, LoopParts } from '../parts.ts'
import { joinedSpan, moveShards, pinParts, spanOf, type ShardLine } from './shard-lines.ts'

export interface MergerParts extends Pick<
  LoopParts,
  'model' | 'clock' | 'log' | 'task' | 'adapter' | 'registry' | 'trainingMutex' | 'close'
> {
  readonly base: Base
  /** In their order; their loops publish versions with sums. */
  readonly shards: readonly ShardLine[]
  readonly keep: Retention
  readonly idleMs: number
  readonly leaseTerm?: LeaseTerm | undefined
  readonly reports: Pick<LoopParts['reports'], 'onStatus' | 'onPointer' | 'onComing'>
}

/** How many of the newest versions are looked at. */
const NEWEST = 1000
const AGAIN_MS = 1000

export function openMerger(parts: MergerParts): Loop {
  return new Merger({ ...parts, log: parts.log.child({ model: parts.model }) })
}

class Merger implements Loop {
  readonly #parts: MergerParts
  /** What was loaded of each shard last. */
  readonly #loaded = new Map<string, LoadedShard>()
  #phase: Pick<TrainerStatus, 'state' | 'code' | 'message'> = { state: 'starting' }
  #present: Manifest | undefined
  /** What was merged last, and is live. */
  #settled: { readonly generation?: number; readonly parts?: readonly Part[] } = {}
  #isTidy = false
  #waiting = new AbortController()

  constructor(parts: MergerParts) {
    this.#parts = parts
  }

  async run(signal: AbortSignal): Promise<void> {
    const { registry, shards, close, log } = this.#parts
    const lines = [registry, ...shards.map((shard) => shard.registry)]
    const watches = lines.map((line) => line.watch(() => this.wake()))
    try {
      while (!signal.aborted) await this.#turn(signal)
      this.#enter({ state: 'stopped' })
    } catch (error) {
      if (!isLeaseLost(error) && !signal.aborted) throw error
      this.#enter({ state: 'stopped' })
    } finally {
      const closers = new Closers(log)
      closers.add(async () => close?.())
      for (const stop of watches) closers.add(stop)
      await closers.close()
    }
  }

  wake(): void {
    this.#isTidy = false
    this.#waiting.abort()
  }

  status(): TrainerStatus {
    const { model } = this.#parts
    const { events = 0, steps = 0, scores } = this.#present ?? {}
    const blank = unknownStatus(model)
    return {
      ...blank,
      ...this.#phase,
      counts: { ...blank.counts, learned: events },
      ...(scores && { prequential: scores }),
      head: this.#present ? this.#parts.task.headOf(this.#present.facts) : blank.head,
      steps,
    }
  }

  /** The shards know it, each of its own events. */
  quality(): undefined {
    return undefined
  }

  served(): readonly [] {
    return []
  }

  async ask(): Promise<never> {
    const names = this.#parts.shards.map(({ model }) => model).join(', ')
    return Promise.reject(failure('TRAINER_BUSY', `its shards know their events: ask ${names}`))
  }

  async #turn(signal: AbortSignal): Promise<void> {
    this.#waiting = new AbortController()
    const { idleMs, log } = this.#parts
    try {
      if (await this.#work()) return
      await this.#pause(idleMs, signal)
    } catch (error) {
      if (!(error instanceof CodedError) || isLeaseLost(error) || signal.aborted) throw error
      const { code, message } = error
      if (this.#phase.code !== code) log.error({ err: error, code }, 'the shards cannot be merged')
      this.#enter({ state: 'failed', code, message })
      await this.#pause(AGAIN_MS, signal)
    }
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    await rest(this.#parts.clock, delayMs, AbortSignal.any([signal, this.#waiting.signal]))
  }

  /** Whether something was merged. */
  async #work(): Promise<boolean> {
    const { registry, shards } = this.#parts
    const live = await registry.live()
    const isMoved = live !== undefined && live.generation !== this.#settled.generation
    if (isMoved) await moveShards(registry, shards)
    const routings = await Promise.all(shards.map(async (shard) => shard.registry.live()))
    const parts = routings.flatMap((routing, at) =>
      routing === undefined ? [] : { model: shards[at]?.model ?? '', ...routing.live },
    )
    // Until each shard has begun.
    if (parts.length < shards.length) return false
    if (!isMoved && this.#isTidy && areOf(this.#settled.parts, parts)) return false
    const present = live && (await registry.find(live.live.version)).manifest
    this.#present = present
    const known = await registry.list(NEWEST)
    const made = known.find(
      ({ manifest, removed }) => !removed && areOf(manifest.shards, parts),
    )?.manifest
    // An import, or a version of another number of shards, that a person has made live.
    const isOurs = present?.shards?.[0]?.model === shards[0]?.model
    const isChosen = live !== undefined && !isByTrainer(live) && !isOurs
    if (
      live !== undefined &&
      made !== undefined &&
      (made.version === live.live.version || isChosen)
    ) {
      await this.#tidy()
      this.#settled = { generation: live.generation, parts }
      this.#enter({ state: 'idle' })
      return false
    }
    this.#enter({ state: 'running' })
    await this.#release(made ?? (await this.#merge(parts, present)), live)
    return true
  }

  async #merge(parts: readonly Part[], present: Manifest | undefined): Promise<Manifest> {
    const { task, adapter, trainingMutex, registry, leaseTerm } = this.#parts
    const loaded: LoadedShard[] = []
    for (const [at, part] of parts.entries()) loaded.push(await this.#load(part, at))
    // Outputs stay in their order.
    const head = present ? task.headOf(present.facts) : task.start
    const merged = await trainingMutex.take(async () => {
      const trainable = adapter.openTrainable({ head, parameters: adapter.freshParameters(head) })
      trainable.merge?.(loaded)
      const parameters = trainable.parameters()
      const { head: learned } = trainable
      const sums = trainable.sums?.()
      trainable.dispose()
      return Promise.resolve({ parameters, head: learned, sums })
    })
    const shards = await Promise.all(
      parts.map(async (part, at) => {
        const before = present?.shards?.find(({ model }) => model === part.model)
        return { ...part, span: await spanOf(part, before, this.#registryAt(at)) }
      }),
    )
    const manifests = loaded.map(({ manifest }) => manifest)
    const [newest] = await registry.list(1)
    for (let number = numberOf(newest?.manifest.version ?? '') + 1; ; number += 1) {
      const manifest = {
        ...this.#about(manifests, present),
        ...{ version: `v${number}`, facts: task.facts(merged.head), shards },
        ...(merged.sums && { sums: merged.sums }),
      }
      try {
        leaseTerm?.lease.check()
        return await registry.publish({ manifest, parameters: merged.parameters })
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== 'VERSION_EXISTS') throw error
      }
    }
  }

  /** What a manifest says of the parts together. */
  #about(manifests: readonly Manifest[], present: Manifest | undefined) {
    const { model, base, task, adapter } = this.#parts
    const sum = (of: (manifest: Manifest) => number) =>
      manifests.reduce((total, manifest) => total + of(manifest), 0)
    const events = sum((manifest) => manifest.events)
    const names = manifests.map(({ model: shard, version }) => `${shard} ${version}`)
    return {
      ...{ model, parent: present?.version ?? null, base: identityOf(base), task: task.kind },
      adapter: recordedConfig(adapter.config),
      span: joinedSpan(manifests.map(({ span }) => span)),
      events,
      events_new: Math.max(0, events - (present?.events ?? 0)),
      steps: sum(({ steps }) => steps),
      scores: pooled(manifests.map(({ scores }) => scores)),
      decision: 'promote',
      reason: `the sums of ${names.join(', ')}`,
    } satisfies Partial<ManifestDraft>
  }

  async #load(part: Part, at: number): Promise<LoadedShard> {
    const known = this.#loaded.get(part.model)
    if (known?.manifest.digest === part.digest) return known
    const { manifest, parameters } = await this.#registryAt(at).load(part.version)
    const { facts, sums } = manifest
    const head = this.#parts.task.headOf(facts)
    const loaded = { manifest, parameters, head, identity: sums?.identity }
    this.#loaded.set(part.model, loaded)
    return loaded
  }

  /** It goes live, unless someone else has moved the pointer meanwhile. */
  async #release({ version, reason }: Manifest, live: Routing | undefined): Promise<void> {
    const { registry, reports, leaseTerm } = this.#parts
    reports.onComing?.(version)
    leaseTerm?.lease.check()
    const { canary, shadow, generation: expect = 0 } = live ?? {}
    const move: RoutingMove = {
      ...{ version, expect, reason, by: 'trainer' as const },
      ...(canary && canary.version !== version && { canary }),
      ...(shadow && shadow.version !== version && { shadow: shadow.version }),
    }
    try {
      reports.onPointer(await registry.point(move))
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'GENERATION_STALE') throw error
    }
    this.#isTidy = false
  }

  /** Old versions lose their bytes, and so does one with a part that is gone, because its shard forgets. */
  async #tidy(): Promise<void> {
    if (this.#isTidy) return
    this.#isTidy = true
    const { registry, shards, keep, leaseTerm } = this.#parts
    try {
      leaseTerm?.lease.check()
      await registry.keep(keep, [])
      const merged = await registry.list(NEWEST)
      const gone = await Promise.all(shards.map(async (shard) => pinParts(shard, merged)))
      const live = await registry.live()
      const retiring = [...new Set(gone.flat())].filter((version) => version !== live?.live.version)
      if (retiring.length > 0) await registry.retire(retiring)
    } catch (error) {
      this.#isTidy = false
      throw error
    }
  }

  #registryAt(at: number): Registry {
    const shard = this.#parts.shards[at]
    invariant(shard !== undefined, 'a part for each shard')
    return shard.registry
  }

  #enter(phase: Pick<TrainerStatus, 'state' | 'code' | 'message'>): void {
    const isOther = phase.state !== this.#phase.state || phase.code !== this.#phase.code
    this.#phase = phase
    if (isOther) this.#parts.reports.onStatus(this.status())
  }
}

type Part = Omit<ShardVersion, 'span'>

interface LoadedShard extends SummedVersion {
  readonly manifest: Manifest
}

function areOf(shards: readonly Part[] | undefined, parts: readonly Part[]): boolean {
  const areSame = (part: Part, at: number) =>
    shards?.[at]?.model === part.model && shards[at].digest === part.digest
  return shards?.length === parts.length && parts.every(areSame)
}

/** Shards score their own events, by their own heads. */
function pooled(scores: readonly Scores[]): Scores {
  const count = scores.reduce((sum, each) => sum + each.count, 0)
  const mean = (of: (each: Scores) => number) =>
    scores.reduce((sum, each) => sum + (count === 0 ? 0 : (each.count / count) * of(each)), 0)
  return {
    count,
    accuracy: mean(({ accuracy }) => accuracy),
    accuracy_recent: mean((each) => each.accuracy_recent),
    loss: mean(({ loss }) => loss),
  }
}
