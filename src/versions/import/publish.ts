/**
 * Publishes an imported adapter as a version beside those of the trainer. It gets a separate name (`v12-import`, after
 * the newest version), so that it never conflicts with the trainer; the live pointer alone decides what the trainer
 * continues from, as after a promotion by a person.
 */
import { CodedError } from '../../contracts/core.ts'
import type { Registry, Version, VersionDraft } from '../contract.ts'
import { numberOf } from '../order.ts'

/** Returns the version as it is now in the registry, read back with every byte verified. */
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
