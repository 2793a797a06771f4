/**
 * The registry of one model for a whole fleet: Redis is the truth for versions and the live pointer, and each daemon
 * keeps a replica on its own disk, so that serving and restarting continue while Redis is away.
 *
 * Writes go to Redis first and to the disk afterwards, so a crash in between leaves nothing or a complete version.
 * Reads use the disk only if its digest is the one that Redis names. `replica.ts` decides which of two histories wins.
 */
import type {
  KeepResult,
  ListedVersion,
  Manifest,
  Retention,
  Routing,
  RoutingMove,
  Version,
  VersionDraft,
} from '../contract.ts'
import { PAGE_VERSIONS, type LocalRegistry } from '../local/local.ts'
import { assembleFleet, type FleetParts, type FleetRegistryOptions } from './parts.ts'
import { FleetReading } from './reading.ts'
import { openVersion } from '../sealing.ts'
import { FleetWriting } from './writing.ts'
import { closeAll } from '../../platform/closers.ts'

export type { FleetRegistryOptions } from './parts.ts'

/** Opens also while Redis is away; the connection stays the caller's. */
export async function openFleetRegistry(options: FleetRegistryOptions): Promise<LocalRegistry> {
  const parts = assembleFleet(options)
  await parts.disk.repair()
  parts.registryReplica.start()
  return new FleetRegistry(parts, options)
}

class FleetRegistry implements LocalRegistry {
  readonly #parts: FleetParts
  readonly #reading: FleetReading
  readonly #writing: FleetWriting
  readonly #options: Pick<FleetRegistryOptions, 'bundle'>

  constructor(parts: FleetParts, options: FleetRegistryOptions) {
    this.#parts = parts
    this.#options = options
    this.#reading = new FleetReading(parts, options)
    this.#writing = new FleetWriting(parts, this.#reading, options)
  }

  publish(draft: VersionDraft): Promise<Manifest> {
    return this.#writing.publish(draft)
  }

  async load(version: string): Promise<Version> {
    return openVersion(await this.#reading.whole(version), this.#options)
  }

  manifest(version: string): Promise<Manifest> {
    return this.#reading.manifest(version)
  }

  find(version: string): Promise<ListedVersion> {
    return this.#reading.find(version)
  }

  list(count = PAGE_VERSIONS, before?: string): Promise<readonly ListedVersion[]> {
    return this.#reading.list(count, before)
  }

  live(): Promise<Routing | undefined> {
    return this.#parts.registryReplica.live()
  }

  point(move: RoutingMove): Promise<Routing> {
    return this.#writing.point(move)
  }

  async history(count: number, before?: number, live?: string): Promise<readonly Routing[]> {
    await this.#parts.registryReplica.live()
    return this.#parts.ledger.history(count, before, live)
  }

  watch(onChange: (pointer: Routing) => void): () => void {
    return this.#parts.watch.add(onChange)
  }

  wake(): void {
    this.#parts.watch.wake()
    this.#parts.registryReplica.wake()
  }

  keep(retention: Retention, protectedVersions: readonly string[]): Promise<KeepResult> {
    return this.#writing.keep(retention, protectedVersions)
  }

  retire(versions: readonly string[]): Promise<readonly string[]> {
    return this.#writing.retire(versions)
  }

  answersWith(version: string): void {
    this.#parts.answering.note(version)
  }

  pin(version: string): Promise<void> {
    return this.#writing.pin(version)
  }

  unpin(version: string): Promise<void> {
    return this.#writing.unpin(version)
  }

  pins(): Promise<readonly string[]> {
    return this.#reading.pins()
  }

  async close(): Promise<void> {
    const { watch, answering, registryReplica, ledger } = this.#parts
    watch.stop()
    await closeAll([answering, registryReplica, ledger])
  }
}
