/**
 * Restores what Redis lost, from this replica's disk: first the live version and the pointer to it, so that the fleet
 * agrees again, then every other version, the removals, and the pins.
 *
 * A loss shows as an earlier generation, an earlier revision, another incarnation, or is merely possible because the
 * connection was away. Several replicas may repair concurrently: each script changes nothing if another was faster.
 */
import { randomUUID } from 'node:crypto'
import { type Clock, type Logger, CodedError } from '../../contracts/core.ts'
import { chained } from '../chain.ts'
import type { Routing, Manifest } from '../contract.ts'
import type { Ledger } from '../local/ledger.ts'
import type { Versions } from '../local/versions.ts'
import { routedVersions } from '../routing.ts'
import type { Look, RedisPointer } from './pointer.ts'
import type { RedisVersions } from './versions.ts'
import { isRedisFailure } from './layout.ts'

interface RepairParts {
  readonly ledger: Ledger
  readonly pointer: RedisPointer
  readonly versions: RedisVersions
  readonly restoring: Restoring
  readonly historyRows: number
  readonly clock: Clock
  readonly log: Logger
}

/** How long the others get to bring the bytes of the live version, when they are not here. */
const LOST_MS = 10_000
/** How often to compare the versions here with those in Redis while there are only ordinary changes. */
const COMPARE_MS = 10_000

interface SeenState {
  readonly revision: number
  readonly epoch: number
  readonly incarnation: string
}

export class Repair {
  readonly #parts: RepairParts
  #seen: SeenState | undefined
  #isInDoubt = true
  #running: Promise<void> | undefined
  #comparedRevision = -1
  #comparedMs = -Infinity
  #lostSinceMs: number | undefined

  constructor(parts: RepairParts) {
    this.#parts = parts
  }

  /** Data may be lost without a sign of it: the next run compares everything. */
  doubt(): void {
    this.#isInDoubt = true
  }

  /** One at a time; rejects if Redis goes away in the middle, and the next poll starts again. */
  async run(look: Look): Promise<void> {
    this.#running ??= this.#run(look).finally(() => (this.#running = undefined))
    await this.#running
  }

  async #run(first: Look): Promise<void> {
    const { restoring } = this.#parts
    const { look, isBehind } = await this.#judged(first)
    const isOther = this.#seen !== undefined && look.incarnation !== this.#seen.incarnation
    if (isBehind || isOther || this.#isInDoubt || look.incarnation === '') {
      await this.#repair(look, isBehind, isOther)
    } else await this.#follow(look)
    if (look.damaged > 0) await restoring.damaged()
    this.#see(look)
  }

  /** A look may have been overtaken by a change that is known here already: only one that began after that says so. */
  async #judged(first: Look): Promise<{ readonly look: Look; readonly isBehind: boolean }> {
    const { ledger, pointer } = this.#parts
    const generation = ledger.live()?.generation ?? 0
    const revision = this.#seen?.revision ?? 0
    const isBehind = (look: Look) => look.generation < generation || look.revision < revision
    if (!isBehind(first)) return { look: first, isBehind: false }
    const look = await pointer.look()
    return { look, isBehind: isBehind(look) }
  }

  /** `isOther`: another replica was quicker, and may not have had everything that is here. */
  async #repair(look: Look, isBehind: boolean, isOther: boolean): Promise<void> {
    const { ledger, pointer, restoring, log } = this.#parts
    // Anything that becomes doubtful from here on is checked by the next run.
    this.#isInDoubt = false
    try {
      const seen = { revision: this.#seen?.revision ?? 0, epoch: this.#seen?.epoch ?? 0 }
      const isShort = look.generation < (ledger.live()?.generation ?? 0)
      const isThere = !isShort || (await this.#restorePointer())
      await this.#compare(look.revision)
      // No replica has restored the live version yet: try again at the next poll.
      if (!isThere) {
        this.doubt()
        return
      }
      if (isBehind || isOther) {
        await restoring.retired()
        await restoring.pins()
      }
      if (isBehind || look.incarnation === '') {
        const now = await pointer.beginAnew(look.incarnation, randomUUID(), seen)
        this.#seen = { ...seen, incarnation: now }
        if (isBehind) log.warn({ revision: look.revision }, 'Redis had lost changes')
      } else this.#seen = look
      await this.#followPins(this.#seen)
    } catch (error) {
      this.#isInDoubt = true
      throw error
    }
  }

  async #restorePointer(): Promise<boolean> {
    const { ledger, pointer, restoring, historyRows, clock, log } = this.#parts
    const history = ledger.history(historyRows)
    await restoring.line(history)
    const outcome = await pointer.restore(history, this.#seen?.epoch ?? 0)
    if (outcome !== 'INCOMPLETE') {
      this.#lostSinceMs = undefined
      if (outcome === 'OK') {
        restoring.repaired('pointer')
        log.warn({ generation: history[0]?.generation }, 'put the live pointer back into Redis')
      }
      return true
    }
    const nowMs = clock.monotonicMs()
    this.#lostSinceMs ??= nowMs
    return nowMs - this.#lostSinceMs > LOST_MS && this.#goOnWithout(history)
  }

  /** The live version is lost everywhere: the newest before it that is left becomes live, as one more move. */
  async #goOnWithout(history: readonly Routing[]): Promise<boolean> {
    const { pointer, restoring, clock, log } = this.#parts
    const [lost] = history
    const left = await restoring.newestLeft(history)
    if (lost === undefined || left === undefined) {
      log.error(
        { version: lost?.live.version },
        'Redis lost the live version and no replica has its bytes',
      )
      return false
    }
    const { version } = left.live
    const next = {
      live: left.live,
      generation: lost.generation + 1,
      sinceMs: clock.nowMs(),
      previous: lost.live.version,
      reason: `${lost.live.version} was lost with the data of Redis`,
      by: 'start',
    } as const
    const move = chained(next, lost)
    log.error(
      { lost: lost.live.version, version },
      'the live version is lost; an earlier one is live',
    )
    this.#lostSinceMs = undefined
    return (await pointer.restore([move, ...history], this.#seen?.epoch ?? 0)) !== 'INCOMPLETE'
  }

  #see({ revision, epoch, incarnation }: Look): void {
    const known = this.#seen
    this.#seen = {
      revision: Math.max(revision, known?.revision ?? 0),
      epoch: Math.max(epoch, known?.epoch ?? 0),
      incarnation: known?.incarnation ?? incarnation,
    }
  }

  /** Versions that were removed, pinned and unpinned elsewhere. Pins first, because they protect. */
  async #follow(look: Look): Promise<void> {
    const { revision } = look
    const isTime = this.#parts.clock.monotonicMs() - this.#comparedMs >= COMPARE_MS
    if (revision !== this.#seen?.revision) await this.#followPins(look)
    if (isTime && revision !== this.#comparedRevision) await this.#compare(revision)
  }

  /**
   * Not from a Redis that has lost something since it was looked at, and not over a pin that was set here meanwhile: the
   * next run looks again. Otherwise the last replica to remember a pin would forget it.
   */
  async #followPins(at: Pick<SeenState, 'incarnation' | 'revision'>): Promise<void> {
    const { ledger, versions } = this.#parts
    const before = ledger.pins().join()
    const { pins, incarnation, revision } = await versions.pins()
    const isLater = incarnation === at.incarnation && revision >= at.revision
    if (!isLater || ledger.pins().join() !== before) this.doubt()
    else if (pins.join() !== before) ledger.replacePins(pins)
  }

  async #compare(revision: number): Promise<void> {
    const { restoring, clock } = this.#parts
    this.#comparedMs = clock.monotonicMs()
    await restoring.versions()
    this.#comparedRevision = revision
  }
}

/**
 * Versions of this replica's disk that go back to Redis, and those that go from the disk because Redis removed them.
 *
 * Counts for people: what Redis had lost and this replica restored.
 */
export type RepairKind = 'pointer' | 'version'

interface RestoringParts {
  readonly redis: RedisVersions
  readonly disk: Versions
  readonly ledger: Ledger
  readonly onRepaired: (what: RepairKind) => void
  readonly log: Logger
}

export class Restoring {
  readonly #parts: RestoringParts

  constructor(parts: RestoringParts) {
    this.#parts = parts
  }

  repaired(what: RepairKind): void {
    this.#parts.onRepaired(what)
  }

  /** The routed versions and the one before them, replacing any of the same name in a Redis that is behind. */
  async line([live, ...history]: readonly Routing[]): Promise<void> {
    if (live === undefined) return
    const previous = history.find((move) => move.live.version === live.previous)
    for (const { version, digest } of [
      ...routedVersions(live),
      ...(previous ? [previous.live] : []),
    ])
      await this.#back(version, digest, live.generation)
  }

  /**
   * Restores what Redis does not know, and removes here what Redis knows but no longer keeps. The names on disk are
   * read first: a version reaches the disk after Redis.
   */
  async versions(): Promise<void> {
    const { redis, disk } = this.#parts
    const names = disk.names()
    const kept = await redis.kept()
    for (const version of names.filter((name) => !kept.has(name))) {
      const found = await redis.find(version)
      if (found === undefined) await this.#back(version)
      else if (!found.isKept) await disk.remove([version], [])
    }
  }

  /** The manifests of removed versions. */
  async retired(): Promise<void> {
    const { redis, disk, ledger } = this.#parts
    const manifests: Manifest[] = []
    for (const version of ledger.index.retired(redis.mostManifests)) {
      const manifest = await unlessCorrupt(disk.manifest(version))
      if (manifest !== undefined) manifests.push(manifest)
    }
    await redis.restoreRetired(manifests)
  }

  async pins(): Promise<void> {
    await this.#parts.redis.restorePins(this.#parts.ledger.pins())
  }

  /** Versions found altered in Redis, as far as they are intact here. */
  async damaged(): Promise<void> {
    for (const [version, digest] of await this.#parts.redis.damaged())
      await this.#back(version, digest)
  }

  /** The newest of these moves, after the first, with a version that is here or in Redis. */
  async newestLeft([, ...history]: readonly Routing[]): Promise<Routing | undefined> {
    const { redis, disk } = this.#parts
    const kept = await redis.kept()
    const names = new Set(disk.names())
    for (const move of history) {
      const { version, digest } = move.live
      if (kept.get(version) === digest) return move
      if (names.has(version) && (await this.#back(version, digest))) return move
    }
    return undefined
  }

  /** False when it is not here, whole and of this content, or when Redis has another content under its name. */
  async #back(version: string, digest?: string, force?: number): Promise<boolean> {
    const { redis, disk, log } = this.#parts
    if (digest !== undefined && (await redis.isWhole(version, digest))) return true
    const here = await unlessCorrupt(disk.read(version))
    if (here === undefined || (digest !== undefined && here.manifest.digest !== digest))
      return false
    const outcome = await redis.restore(here.manifest, here.files, force)
    if (outcome !== 'OK') return false
    this.repaired('version')
    log.warn({ version }, 'put a version back into Redis')
    return true
  }
}

/** Undefined also for a version that is not here: another replica has to restore it. */
async function unlessCorrupt<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof CodedError && !isRedisFailure(error)) return undefined
    throw error
  }
}
