/**
 * The substitute when the live version cannot be loaded at the start: the previously live versions, in the order of a
 * rollback, then the newest existing ones. An older answer is better than none, and names its version.
 */
import type { Routing, Registry } from '../../versions/contract.ts'
import { versionsBefore } from './version-before.ts'

const HISTORY = 1000
/** Each is read from disk and verified, while nothing answers. */
const MOST_TRIED = 100

/** Best first. Each is named by the move that made it live, if that is known. */
export async function fallbacks(
  registry: Pick<Registry, 'history' | 'list'>,
  pointer: Routing,
): Promise<readonly Routing[]> {
  const history = await registry.history(HISTORY)
  const listed = await registry.list(MOST_TRIED)
  const newest = listed.filter(({ removed }) => !removed).map(({ manifest }) => manifest.version)
  const names = new Set([...versionsBefore(history), ...newest])
  names.delete(pointer.live.version)
  const unknown = { ...pointer, generation: 0, previous: null }
  return [...names].slice(0, MOST_TRIED).map((version) => {
    const found = history.find((each) => each.live.version === version) ?? unknown
    const { canary: _canary, shadow: _shadow, ...move } = found
    return { ...move, live: { ...move.live, version } }
  })
}
