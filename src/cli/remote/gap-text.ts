/** Bias, in one line for `status --labels` and `why`. */
import type { SliceGap } from '../../client/client.ts'

export function gapText({ best, worst, points, low, high }: SliceGap): string {
  const [middle, from, to] = [points, low, high].map((each) => each.toFixed(1))
  const chance = low > 0 ? '' : '; this may be chance'
  return `widest gap: slice “${worst}” is ${middle} points below “${best}” (between ${from} and ${to})${chance}`
}
