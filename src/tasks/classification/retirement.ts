/** Labels that the settings retire or restore: a version's answers depend on them too. */
import type { Json } from '../../contracts/core.ts'
import { retiredAmong } from './rules.ts'

/** Why the answers differ from those when `before` was retired; undefined if they do not. */
export function revisedBy(
  labels: readonly string[],
  retired: readonly string[],
  before: Json,
): string | undefined {
  const was = retiredAmong(labels, before as readonly string[])
  const now = retiredAmong(labels, retired)
  if (JSON.stringify(was) === JSON.stringify(now)) return undefined
  const [gone, back] = [missing(now, was), missing(was, now)]
  return [
    ...(gone.length > 0 ? [`retired: ${gone.join(', ')}`] : []),
    ...(back.length > 0 ? [`no longer retired: ${back.join(', ')}`] : []),
  ].join('; ')
}

function missing(some: readonly string[], from: readonly string[]): readonly string[] {
  return some.filter((label) => !from.includes(label))
}
