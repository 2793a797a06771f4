/**
 * An imported adapter becomes a version beside those that the trainer makes. Its name is its own (`v12-import`, after the
 * newest that is there), so that whoever trains the model is never in its way; what the trainer goes on from is decided
 * by the live pointer alone, as after a promotion by a person.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Registry, Routing, Version, VersionDraft } from '../../versions/contract.ts'
import { numberOf } from '../../versions/order.ts'

const TRIES = 10

/** Answers what is in the registry now, read back with every byte checked. */
export async function publishImport(registry: Registry, draft: VersionDraft): Promise<Version> {
  const [newest] = await registry.list(1)
  const name = `v${Math.max(0, numberOf(newest?.manifest.version ?? ''))}-import`
  for (let count = 1; ; count += 1) {
    const version = count === 1 ? name : `${name}-${count}`
    try {
      await registry.publish({ ...draft, manifest: { ...draft.manifest, version } })
      return await registry.load(version)
    } catch (error) {
      if (!isCoded(error, 'VERSION_EXISTS')) throw error
    }
  }
}

/** One move; a race with the trainer is tried again. */
export async function makeLive(registry: Registry, { manifest }: Version): Promise<Routing> {
  const { version, reason } = manifest
  for (let tries = 1; ; tries += 1) {
    const expect = (await registry.live())?.generation ?? 0
    try {
      return await registry.point({ version, expect, reason, by: 'promote' })
    } catch (error) {
      if (!isCoded(error, 'GENERATION_STALE') || tries === TRIES) throw error
    }
  }
}

function isCoded(error: unknown, code: string): boolean {
  return error instanceof CodedError && error.code === code
}
