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
  const found: string[] = []
  // A version that the log does not know was published before its rows, or elsewhere.
  const isTainted = ({ manifest: { version, events } }: ListedVersion) =>
    versions.idOf(version) === 0 ? plan.isBeyondLog && events > 0 : plan.isTainted(version)
  for (let before: string | undefined; ;) {
    const list = () => loop.registry.list(PAGE, before)
    const page = await retry.run('listing versions', list, signal)
    found.push(
      ...page
        .filter((each) => !each.removed && isTainted(each))
        .map(({ manifest }) => manifest.version),
    )
    before = page.at(-1)?.manifest.version
    if (page.length < PAGE || before === undefined) return found
  }
}
