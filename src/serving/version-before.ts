/**
 * Which version an unspecified rollback goes to: the one that was live before the present one came.
 *
 * Moves are read as a stack: a promotion puts its version on top, a rollback takes off what lies above its target. So two
 * rollbacks in a row go back two versions, never forward again to the one that was just refused.
 */
import type { LivePointer } from '../contracts.ts'

/** `history` newest first; only versions that are still `there` come into question. */
export function versionBefore(
  history: readonly LivePointer[],
  there: readonly string[],
): string | undefined {
  const stack: string[] = []
  for (const { version, by } of [...history].reverse()) {
    const at = stack.lastIndexOf(version)
    if ((by === 'rollback' || by === 'policy') && at >= 0) stack.length = at + 1
    else if (stack.at(-1) !== version) stack.push(version)
  }
  const live = stack.pop()
  return stack.filter((version) => version !== live && there.includes(version)).at(-1)
}
