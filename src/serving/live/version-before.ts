/**
 * The target of an unspecified rollback: the version that was live before the present one; if its bytes were removed,
 * the one before that, and so on.
 *
 * Moves are read as a stack: a promotion puts its version on top, a rollback removes everything above its target. So
 * two rollbacks in a row go back two versions, never forward again to the one that was just rejected.
 */
import type { Routing } from '../../versions/contract.ts'

/** In order of preference. `history` is newest first. */
export function versionsBefore(history: readonly Routing[]): readonly string[] {
  const { stack } = stackOf(history)
  const live = stack.pop()
  return [...new Set(stack.reverse())].filter((version) => version !== live)
}

/** A rollback in this part of the history went back to a version from before it: what was live then is not in it. */
export function reachesBack(history: readonly Routing[]): boolean {
  return stackOf(history).reachesBack
}

function stackOf(history: readonly Routing[]) {
  const stack: string[] = []
  let reachesBack = false
  for (const {
    live: { version },
    by,
  } of [...history].reverse()) {
    const at = stack.lastIndexOf(version)
    const isBack = by === 'rollback' || by === 'policy'
    reachesBack ||= isBack && at < 0
    if (isBack && at >= 0) stack.length = at + 1
    else if (stack.at(-1) !== version) stack.push(version)
  }
  return { stack, reachesBack }
}
