/**
 * The adapters of one model that are loaded into the engine, with reference counts.
 *
 * The live model holds the live version, and a request holds the adapter it started with. An adapter without holders
 * stays for a while, with least-recently-used eviction. So an adapter is unloaded only after the last request that uses
 * it, and requesting old versions by name costs a bounded amount of memory.
 */
import type { ServingEngine } from '../engine/engine.ts'
import type { Manifest, Registry, Version } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'

/** A loaded adapter that stays loaded until `release`, which is idempotent. */
export interface HeldAdapter {
  readonly manifest: Manifest
  /** One more reference to the same adapter, without waiting. */
  again(): HeldAdapter
  release(): void
}

export interface AdapterEngine extends Pick<ServingEngine, 'load' | 'unload'> {
  /** An adapter that stays loaded has no holder. */
  rest?(key: string): void
}

export interface AdapterCacheOptions {
  readonly registry: Pick<Registry, 'load' | 'find'>
  readonly engine: AdapterEngine
  /** Adapters that stay loaded without a holder. */
  readonly idle: number
  /** Maximum of loaded adapters, held or not; more are refused with `QUEUE_FULL`. */
  readonly most: number
}

/** It has a holder while it loads, so only `close` can drop a slot that is not `loaded`. */
interface Slot {
  readonly ready: Promise<Manifest>
  loaded: Manifest | undefined
  holds: number
}

export class AdapterCache {
  readonly #options: AdapterCacheOptions
  readonly #slots = new Map<string, Slot>()
  #closed = false

  constructor(options: AdapterCacheOptions) {
    this.#options = options
  }

  /** Loaded or loading adapters, least recently used first. */
  get versions(): readonly string[] {
    return [...this.#slots.keys()]
  }

  /** Loads (verified and warm) unless it is there; concurrent calls share one load. `urgent` passes the bound. */
  async hold(version: string, urgency: 'urgent' | 'bounded'): Promise<HeldAdapter> {
    if (urgency === 'bounded' && this.#slots.has(version)) await this.#checkThere(version)
    const present = this.#slots.get(version)
    if (present !== undefined) return this.#take(version, present)
    if (urgency === 'bounded') this.#makeRoom()
    return this.#take(version, this.#open(this.#options.registry.load(version)))
  }

  /**
   * Throws VERSION_REMOVED for a removed version, even if it is loaded: its data may have been forgotten. An
   * unreachable registry changes nothing.
   */
  async #checkThere(version: string): Promise<void> {
    const found = await this.#options.registry.find(version).catch(() => undefined)
    if (found?.removed !== true) return
    const details = { version }
    throw failure('VERSION_REMOVED', `the bytes of ${version} were removed`, { details })
  }

  /** As `hold`, past the bound, and reads and verifies the bytes on disk also when it is there. */
  async prove(version: string): Promise<HeldAdapter> {
    const loaded = await this.#options.registry.load(version)
    const slot = this.#slots.get(version) ?? this.#open(Promise.resolve(loaded))
    return this.#take(version, slot)
  }

  async #take(version: string, slot: Slot): Promise<HeldAdapter> {
    slot.holds += 1
    this.#slots.delete(version)
    this.#slots.set(version, slot)
    try {
      return this.#held(slot, await slot.ready)
    } catch (error) {
      slot.holds -= 1
      if (this.#slots.get(version) === slot) this.#slots.delete(version)
      throw error
    }
  }

  /** Unloads everything, also adapters that are still held. */
  close(): void {
    this.#closed = true
    this.#drop(0, () => true)
  }

  #makeRoom(): void {
    const { most } = this.#options
    if (this.#slots.size >= most) this.#drop(most - 1, isIdle)
    if (this.#slots.size < most) return
    throw failure('QUEUE_FULL', `${most} versions of this model are already in use`)
  }

  #open(loading: Promise<Version>): Slot {
    const ready = this.#warm(loading)
    const slot: Slot = { ready, loaded: undefined, holds: 0 }
    ready.then(
      (manifest) => this.#arrived(slot, manifest),
      () => undefined, // reported to its holders
    )
    return slot
  }

  async #warm(loading: Promise<Version>): Promise<Manifest> {
    const loaded = await loading
    await this.#options.engine.load(loaded.manifest.digest, loaded)
    return loaded.manifest
  }

  #arrived(slot: Slot, manifest: Manifest): void {
    slot.loaded = manifest
    if (this.#closed) this.#options.engine.unload(manifest.digest)
  }

  #held(slot: Slot, manifest: Manifest): HeldAdapter {
    let released = false
    return {
      manifest,
      again: () => {
        slot.holds += 1
        return this.#held(slot, manifest)
      },
      release: () => {
        if (released) return
        released = true
        slot.holds -= 1
        if (isIdle(slot)) this.#options.engine.rest?.(manifest.digest)
        const held = [...this.#slots.values()].filter((other) => !isIdle(other)).length
        this.#drop(held + this.#options.idle, isIdle)
      },
    }
  }

  /** Drops from the least recently used on, until `size` are left. */
  #drop(size: number, mayGo: (slot: Slot) => boolean): void {
    for (const [version, slot] of this.#slots) {
      if (this.#slots.size <= size) return
      if (!mayGo(slot)) continue
      this.#slots.delete(version)
      if (slot.loaded !== undefined) this.#options.engine.unload(slot.loaded.digest)
    }
  }
}

function isIdle(slot: Slot): boolean {
  return slot.holds === 0
}
