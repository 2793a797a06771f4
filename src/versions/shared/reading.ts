/** Reads versions on a replica: Redis decides which content a name has, and the bytes come from this disk if they match it. */
import { CodedError } from '../../contracts/core.ts'
import type { ListedVersion, Manifest } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { Files } from './version-bytes.ts'
import type { FleetParts, FleetRegistryOptions } from './parts.ts'
import { absent, manifestOf, isRedisFailure } from './layout.ts'
import type { FoundVersion } from './versions.ts'
import { PAGE_VERSIONS } from '../local/local.ts'
import { checkOrigin } from '../sealing.ts'

export interface WholeVersion {
  readonly manifest: Manifest
  readonly files: Files
}

export class FleetReading {
  protected readonly parts: FleetParts
  protected readonly options: FleetRegistryOptions

  constructor(parts: FleetParts, options: FleetRegistryOptions) {
    this.parts = parts
    this.options = options
  }

  /** On this disk from now on, every byte verified, made for this model. */
  async whole(version: string): Promise<WholeVersion> {
    const found = await this.#foundForBytes(version)
    const whole = found === 'away' ? await this.#alone(version) : await this.#agreed(version, found)
    checkOrigin(whole.manifest, this.options)
    return whole
  }

  async manifest(version: string): Promise<Manifest> {
    const found = await this.#found(version)
    const here = () => this.parts.disk.manifest(version)
    if (found === 'away') return unlessElsewhere(version, here())
    return found === undefined ? here() : found.manifest()
  }

  async find(version: string): Promise<ListedVersion> {
    const found = await this.#found(version)
    const here = () => this.parts.disk.find(version)
    if (found === 'away') return unlessElsewhere(version, here())
    return found === undefined ? here() : { manifest: found.manifest(), removed: !found.isKept }
  }

  list(count = PAGE_VERSIONS, before?: string): Promise<readonly ListedVersion[]> {
    return this.#orHere(
      async () => this.#listed(count, before),
      async () => {
        const { found, corrupt } = await this.parts.disk.list(count, before)
        for (const error of corrupt) this.#leftOut(error)
        return found
      },
    )
  }

  pins(): Promise<readonly string[]> {
    const { versions, ledger } = this.parts
    return this.#orHere(
      async () => (await versions.pins()).pins,
      async () => ledger.pins(),
    )
  }

  /** Undefined: Redis answers and does not know it. */
  async #found(version: string): Promise<FoundVersion | undefined | 'away'> {
    const { registryReplica, versions } = this.parts
    const answer = await registryReplica.quickly(async () => ({
      found: await versions.find(version),
    }))
    return answer === undefined ? 'away' : answer.found
  }

  /** A late Redis is waited for where nothing here could be used instead. */
  async #foundForBytes(version: string): Promise<FoundVersion | undefined | 'away'> {
    const found = await this.#found(version)
    const { disk, redis, versions } = this.parts
    if (found !== 'away' || disk.has(version) || redis.status !== 'ready') return found
    try {
      return await versions.find(version)
    } catch (error) {
      if (isRedisFailure(error)) return 'away'
      throw error
    }
  }

  /**
   * Redis is away: use the version here, unless its content is known to differ from the one that was live under this
   * name.
   */
  async #alone(version: string): Promise<WholeVersion> {
    const { disk, ledger } = this.parts
    const whole = await unlessElsewhere(version, disk.read(version))
    const wanted = ledger.digestOf(version) ?? whole.manifest.digest
    if (whole.manifest.digest === wanted) return whole
    throw failure('REDIS_UNAVAILABLE', `${version} on this disk is of another content`, {
      details: { version, wanted, found: whole.manifest.digest },
    })
  }

  async #agreed(version: string, found: FoundVersion | undefined): Promise<WholeVersion> {
    const { disk, registryReplica } = this.parts
    if (found === undefined) {
      // It came to Redis before it came here: Redis has lost it, and the replica is about to restore it.
      const whole = await disk.read(version)
      registryReplica.doubt()
      return whole
    }
    if (!found.isKept) throw absent('VERSION_REMOVED', version)
    const whole = await onDisk(disk.read(version))
    if (whole?.manifest.digest === found.digest) return whole
    return this.#fetched(version, found)
  }

  async #fetched(version: string, found: FoundVersion): Promise<WholeVersion> {
    const { versions, disk } = this.parts
    try {
      const manifest = found.manifest()
      checkOrigin(manifest, this.options)
      const files = await versions.fetch(manifest)
      await disk.replace(manifest, files)
      return { manifest, files }
    } catch (error) {
      if (!isCorrupt(error)) throw error
      throw await this.#damaged(version, found, error)
    }
  }

  /** Reported to replicas that may have it intact, so that a retry helps. */
  async #damaged(
    version: string,
    { digest }: FoundVersion,
    error: CodedError,
  ): Promise<CodedError> {
    const { versions } = this.parts
    const now = await versions.find(version)
    // Removed while it was being read: not corrupt.
    if (now?.isKept !== true) return absent('VERSION_REMOVED', version)
    await versions.report(version, digest)
    const { code, message, details } = error
    return new CodedError(code, message, { details, retriable: true, cause: error })
  }

  async #listed(count: number, before?: string): Promise<readonly ListedVersion[]> {
    const listed: ListedVersion[] = []
    for await (const { version, removed, row } of this.parts.versions.list(before)) {
      if (listed.length === count) break
      try {
        const manifest = await eventLoop.run(() => manifestOf(row, version))
        listed.push({ manifest, removed })
      } catch (error) {
        if (!isCorrupt(error)) throw error
        this.#leftOut(error)
      }
    }
    return listed
  }

  async #orHere<Result>(
    there: () => Promise<Result>,
    here: () => Promise<Result>,
  ): Promise<Result> {
    if (!(await this.parts.registryReplica.knowsAll())) return here()
    try {
      return await there()
    } catch (error) {
      if (!isRedisFailure(error)) throw error
      return here()
    }
  }

  #leftOut(error: CodedError): void {
    this.options.log.warn({ err: error }, 'left out of the list')
  }
}

function isCorrupt(error: unknown): error is CodedError {
  return error instanceof CodedError && error.code === 'VERSION_CORRUPT'
}

/** Undefined when it is absent, removed or altered here: Redis has it. */
async function onDisk(reading: Promise<WholeVersion>): Promise<WholeVersion | undefined> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof CodedError && error.code.startsWith('VERSION_')) return undefined
    throw error
  }
}

/** A version that is not on this disk may be in Redis: while Redis is away, nothing is reported as unknown. */
async function unlessElsewhere<Read>(version: string, reading: Promise<Read>): Promise<Read> {
  try {
    return await reading
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'VERSION_UNKNOWN') throw error
    const text = `${version} is not on this disk, and Redis, which may have it, does not answer`
    throw failure('REDIS_UNAVAILABLE', text, { details: { version }, cause: error })
  }
}
