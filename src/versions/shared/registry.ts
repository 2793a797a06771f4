/**
 * The registry of one model for a whole fleet: Redis is the truth for versions and the live pointer, and each daemon
 * keeps a replica on its own disk, so that serving and restarting continue while Redis is away.
 *
 * Writes go to Redis first and to the disk afterwards, so a crash in between leaves nothing or a complete version.
 * Reads use the disk only if its digest is the one that Redis names. README.md says which of two histories wins.
 */
import type { Routing, Version } from '../contract.ts'
import type { LocalRegistry } from '../local/local.ts'
import { openVersion } from '../sealing.ts'
import { assembleFleet, type FleetRegistryOptions } from './parts.ts'
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

class FleetRegistry extends FleetWriting implements LocalRegistry {
  async load(version: string): Promise<Version> {
    return openVersion(await this.whole(version), this.options)
  }

  live(): Promise<Routing | undefined> {
    return this.parts.registryReplica.live()
  }

  async history(count: number, before?: number, live?: string): Promise<readonly Routing[]> {
    await this.live()
    return this.parts.ledger.history(count, before, live)
  }

  watch(onChange: (pointer: Routing) => void): () => void {
    return this.parts.watch.add(onChange)
  }

  wake(): void {
    this.parts.watch.wake()
    this.parts.registryReplica.wake()
  }

  answersWith(version: string): void {
    this.parts.answering.note(version)
  }

  async close(): Promise<void> {
    const { watch, answering, registryReplica, ledger } = this.parts
    watch.stop()
    await closeAll([answering, registryReplica, ledger])
  }
}
