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
  const stack: string[] = []
  for (const {
    live: { version },
    by,
  } of [...history].reverse()) {
    const at = stack.lastIndexOf(version)
    if ((by === 'rollback' || by === 'policy') && at >= 0) stack.length = at + 1
    else if (stack.at(-1) !== version) stack.push(version)
  }
  const live = stack.pop()
  return [...new Set(stack.reverse())].filter((version) => version !== live)
}
