/**
 * An imported adapter becomes a version beside those that the trainer makes. Its name is its own (`v12-import`, after the
 * newest that is there), so that whoever trains the model is never in its way; what the trainer goes on from is decided
 * by the live pointer alone, as after a promotion by a person.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Registry, Version, VersionDraft } from '../contract.ts'
import { numberOf } from '../order.ts'

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

function isCoded(error: unknown, code: string): boolean {
  return error instanceof CodedError && error.code === code
}
