/**
 * Changes the fleet's versions and its pointer. Redis first, and only while it answers: a trainer with an expired lease
 * is refused there before it has changed its own disk.
 */
import { randomUUID } from 'node:crypto'
import type {
  KeepResult,
  Manifest,
  Retention,
  Routing,
  RoutingMove,
  VersionDraft,
} from '../contract.ts'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { newestFirst } from '../order.ts'
import type { Files } from './version-bytes.ts'
import type { MoveOutcome, PointerMove } from './pointer.ts'
import { FleetReading, type WholeVersion } from './reading.ts'
import { taken, type Epoch } from './layout.ts'
import { bytesOf, surplusOf, type Footprint } from '../retention.ts'
import { checkMove, namesOf, printable, proveMove } from '../routing.ts'
import { checkOrigin, openVersion, sealVersion } from '../sealing.ts'

/** How often `keep` looks for uploads that no version refers to. */
const SWEEP_MS = 60 * 60 * 1000

export class FleetWriting extends FleetReading {
  /** Footprints of the versions in Redis, by version and digest. */
  #known = new Map<string, Footprint>()
  #sweptMs = -Infinity

  async publish(draft: VersionDraft): Promise<Manifest> {
    const { bytes, versions } = this.parts
    const sealed = sealVersion(draft, this.options)
    const { files } = sealed
    checkOrigin(sealed.manifest, this.options)
    bytes.checkSize(sealed.manifest.version, files)
    const epoch = this.#epoch()
    const known = await versions.find(sealed.manifest.version)
    if (known !== undefined && known.digest !== sealed.manifest.digest) throw taken(sealed.manifest)
    // The content is the same, so only the date can differ; the first manifest stays.
    const manifest = known?.manifest() ?? sealed.manifest
    if (known?.isKept !== true) await versions.publish(manifest, files, epoch)
    await this.#putHere(manifest, files)
    return manifest
  }

  async point(move: RoutingMove): Promise<Routing> {
    this.#mustAnswer()
    checkMove(move)
    const { expect, by, asks, actor } = move
    const proved = await proveMove(move, async (version) => {
      const whole = await this.whole(version)
      openVersion(whole, this.options)
      return whole
    })
    const epoch = this.#epoch()
    const sinceMs = this.options.clock.nowMs()
    const [reason, token] = [printable(move.reason), randomUUID()]
    const routed = { ...proved.routed, expect, by, asks, actor, sinceMs, reason, token }
    const pointer = await this.#move(routed, epoch, proved.versions)
    await this.#noted(pointer)
    return pointer
  }

  /** Redis decides by the one rule, and the disk follows. */
  async keep(retention: Retention, protectedVersions: readonly string[]): Promise<KeepResult> {
    const { versions, disk, ledger, answering } = this.parts
    const epoch = this.#epoch()
    const kept = await versions.kept()
    const all = await this.#footprints(kept)
    const routing = ledger.live()
    const answers = [...answering.versions(), ...(routing === undefined ? [] : namesOf(routing))]
    const stays = new Set([...protectedVersions, ...ledger.pins(), ...answers])
    const old = surplusOf(all, retention, stays)
    const going = old.map((version) => [version, kept.get(version) ?? ''] as const)
    const removed = await versions.remove(new Map(going), epoch)
    await disk.remove(removed, [])
    await this.#clear(removed, kept)
    const left = all.filter(({ version }) => !removed.includes(version))
    return { removed, versions: left.length, bytes: bytesOf(left) }
  }

  /** In Redis and on this disk; other members remove theirs when they see that Redis has none. */
  async retire(retiring: readonly string[]): Promise<readonly string[]> {
    const { versions, disk, answering } = this.parts
    const epoch = this.#epoch()
    const kept = await versions.kept()
    const answers = answering.versions()
    const going = retiring.filter((version) => kept.has(version) && !answers.includes(version))
    const pairs = going.map((version) => [version, kept.get(version) ?? ''] as const)
    const removed = await versions.retire(new Map(pairs), epoch)
    const gone = await disk.retire(
      retiring.filter((version) => !kept.has(version) || removed.includes(version)),
      answers,
    )
    await this.#clear(removed, kept)
    return gone
  }

  /** No caller waits for bytes that block nothing: a failure here is cleaned up later. */
  async #clear(removed: readonly string[], kept: ReadonlyMap<string, string>): Promise<void> {
    const { versions } = this.parts
    const { clock, log } = this.options
    try {
      await versions.clear(removed.map((version) => [version, kept.get(version) ?? ''] as const))
      if (clock.monotonicMs() - this.#sweptMs < SWEEP_MS) return
      this.#sweptMs = clock.monotonicMs()
      await versions.sweep(clock.nowMs())
    } catch (err) {
      if (!(err instanceof CodedError)) throw err
      log.debug({ err }, 'bytes of removed versions are left for later')
    }
  }

  /** Newest first, of those with bytes in Redis. Each content is read once; an altered one is left out, and stays. */
  async #footprints(kept: ReadonlyMap<string, string>): Promise<readonly Footprint[]> {
    const known = this.#known
    this.#known = new Map()
    const found: Footprint[] = []
    for (const version of newestFirst(kept.keys())) {
      const key = `${version} ${kept.get(version) ?? ''}`
      const footprint = known.get(key) ?? (await this.parts.versions.footprint(version))
      if (footprint === undefined) continue
      this.#known.set(key, footprint)
      found.push(footprint)
    }
    return found
  }

  async pin(version: string): Promise<void> {
    const { versions, ledger } = this.parts
    await versions.pin(version)
    ledger.exclusively(() => {
      ledger.pin(version)
    })
  }

  async unpin(version: string): Promise<void> {
    const { versions, ledger } = this.parts
    await versions.unpin(version)
    ledger.unpin(version)
  }

  async #move(move: PointerMove, epoch: Epoch, proved: readonly WholeVersion[]): Promise<Routing> {
    const { pointer, versions, registryReplica } = this.parts
    const outcome = await pointer.move(move, epoch)
    if (outcome.kind === 'moved') return outcome.pointer
    // Redis has lost the bytes or the moves: first restore what this replica has.
    if (outcome.kind === 'incomplete')
      for (const { manifest, files } of proved) await versions.restore(manifest, files)
    else if (!this.#isBehind(outcome)) throw await this.#stale(move.expect, outcome)
    else await registryReplica.repair()
    const again = await pointer.move(move, epoch)
    if (again.kind === 'moved') return again.pointer
    if (again.kind === 'stale' && !this.#isBehind(again))
      throw await this.#stale(move.expect, again)
    throw failure('REDIS_UNAVAILABLE', 'restoring what Redis had lost')
  }

  /** The next reader of the pointer sees the move that was faster. */
  async #stale(expected: number, outcome: MoveOutcome): Promise<CodedError> {
    await this.parts.registryReplica.fresh()
    return stale(expected, outcome)
  }

  #isBehind(outcome: MoveOutcome): boolean {
    const known = this.parts.ledger.live()?.generation ?? 0
    return outcome.kind === 'stale' && outcome.generation < known
  }

  /** The move has happened, even if recording it here fails: the next poll records it again. */
  async #noted(pointer: Routing): Promise<void> {
    try {
      await this.parts.registryReplica.moved(pointer)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      this.options.log.warn({ err: error }, 'a move of the pointer is not written down here yet')
    }
  }

  /** Anything else under this name is a late write under an expired lease. */
  async #putHere(manifest: Manifest, files: Files): Promise<void> {
    const { disk } = this.parts
    try {
      await disk.add(manifest, files)
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'VERSION_EXISTS') throw error
      await disk.replace(manifest, files)
    }
  }

  #epoch(): Epoch {
    const { lease } = this.options
    if (lease === undefined) return ''
    const held = lease()
    if (held === undefined) throw failure('LEASE_LOST', 'this daemon does not train the model')
    held.check()
    return String(held.epoch)
  }

  #mustAnswer(): void {
    const { status } = this.options.redis
    // One that refuses us says itself why.
    if (status === 'ready' || status === 'refused') return
    throw failure('REDIS_UNAVAILABLE', 'Redis is away: the live pointer cannot be moved', {
      details: { outcome: 'none' },
    })
  }
}

function stale(expected: number, outcome: MoveOutcome): CodedError {
  const generation = outcome.kind === 'stale' ? outcome.generation : -1
  const text = `the pointer is at generation ${generation}, not ${expected}`
  return failure('GENERATION_STALE', text, { details: { expected, generation } })
}
