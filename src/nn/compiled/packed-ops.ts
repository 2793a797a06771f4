/**
 * Recording ops over packed rows, [1, tokens, w]: the equations of the eager engine's (../tfjs/packed-ops.ts). Attention and
 * pooling need rows side by side, [rows, positions, w]; rows are copied there and back, each the gradient of the other.
 *
 * Padding reads the first token: it is masked wherever rows are side by side, and anything finite will do. In a gradient it is zero.
 */
import type { Ops } from '../../contracts/ops.ts'
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'
import { lastOf, NotCompilable } from './shape.ts'
import type { Note } from './tape.ts'

export interface PackedParts {
  readonly kernels: Kernels
  readonly note: Note
  /** For everything else. */
  readonly ops: Ops<GraphValue>
  /** [tokens] int32: where each position lies among rows × positions. */
  readonly places: GraphValue
}

export function packedGraphOps({ kernels: k, note, ops, places }: PackedParts): Ops<GraphValue> {
  const rows = ['rows', 'positions']
  const tokens = k.numbersAt(places, rows)
  const sideBySide = (x: GraphValue) =>
    k.reshape(k.rowsAt(k.flat(x), k.orFirst(tokens)), [...rows, lastOf(x.shape)])
  const gradientsSideBySide = (dy: GraphValue) =>
    k.mul(sideBySide(dy), k.reshape(k.isAny(tokens), [...rows, 1]))
  const endToEnd = (x: GraphValue) =>
    k.reshape(k.rowsAt(k.flat(x), places), [1, 'tokens', lastOf(x.shape)])
  const spread = (x: GraphValue) => note(sideBySide(x), [x], endToEnd)
  const pack = (x: GraphValue) => note(endToEnd(x), [x], gradientsSideBySide)
  return {
    ...ops,
    splitHeads: (x, heads) => ops.splitHeads(spread(x), heads),
    mergeHeads: (x) => pack(ops.mergeHeads(x)),
    maskedMean: (x, mask) => ops.maskedMean(spread(x), mask),
    lastPosition: (x, mask) => ops.lastPosition(spread(x), mask),
    ends: (mask, first, last) => pack(ops.ends(mask, first, last)),
    positions() {
      throw new NotCompilable('it has a table of positions in its tail')
    },
  }
}
