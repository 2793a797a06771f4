/** The versions of the registry that have learned from what is to be forgotten: their bytes must be removed. */
import type { ListedVersion } from '../../versions/contract.ts'
import type { RestoreVersion } from '../start/restore-version.ts'
import type { ForgetPlan } from './plan.ts'

const PAGE = 100

export async function taintedVersions(
  plan: ForgetPlan,
  { loop, state, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { versions } = state.log
  const isTainted = ({ version, events }: ListedVersion['manifest']) =>
    // A version that the log does not know was published before its rows, or elsewhere.
    versions.idOf(version) === 0 ? plan.isBeyondLog && events > 0 : plan.isTainted(version)
  const found = new Set<string>()
  const imported: ListedVersion[] = []
  for (let before: string | undefined; ;) {
    const list = () => loop.registry.list(PAGE, before)
    const page = await retry.run('listing versions', list, signal)
    for (const each of page)
      if (each.manifest.decision === 'imported') imported.push(each)
      else if (!each.removed && isTainted(each.manifest)) found.add(each.manifest.version)
    before = page.at(-1)?.manifest.version
    if (page.length < PAGE || before === undefined) break
  }
  // The oldest first: one may come from another.
  const gone = new Set<string>()
  for (const { manifest, removed } of imported.toReversed()) {
    const { version, parent } = manifest
    const isCopy = parent !== null && (plan.isTainted(parent) || gone.has(parent))
    if (!isCopy && !isTainted(manifest)) continue
    gone.add(version)
    if (!removed) found.add(version)
  }
  return [...found]
}
