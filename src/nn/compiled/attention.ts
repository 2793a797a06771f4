/** Heads and masks. Masks are given, so no gradient goes to them. */
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'
import { fixedSize, lastOf, NotCompilable, type Size } from './shape.ts'
import type { Note } from './tape.ts'

const SWAP = [0, 2, 1, 3]

export function attentionOps(k: Kernels, note: Note) {
  return {
    splitHeads(x: GraphValue, heads: number): GraphValue {
      const width = fixedSize(lastOf(x.shape), 'a head')
      const split = k.reshape(x, [...x.shape.slice(0, -1), heads, width / heads])
      const merged = (dy: GraphValue) => k.reshape(k.transpose(dy, SWAP), x.shape)
      return note(k.transpose(split, SWAP), [x], merged)
    },
    mergeHeads(x: GraphValue): GraphValue {
      const turned = k.transpose(x, SWAP)
      const [b, s, heads, size] = turned.shape as [Size, Size, number, number]
      return note(k.reshape(turned, [b, s, heads * size]), [x], (dy) =>
        k.transpose(k.reshape(dy, turned.shape), SWAP),
      )
    },
    attentionBias: (mask: GraphValue) => attentionBias(k, mask),
    causalBias(mask: GraphValue): GraphValue {
      const s = lastOf(mask.shape)
      const place = k.runningSum(k.ones(s), 0, false)
      const isLater = k.greater(k.reshape(place, [1, s]), k.reshape(place, [s, 1]))
      return k.sub(attentionBias(k, mask), k.mul(k.asFloat(isLater), k.float(1e9)))
    },
    ends: (mask: GraphValue, first: number, last: number) => ends(k, mask, first, last),
    lastPosition(x: GraphValue, mask: GraphValue): GraphValue {
      const chosen = ends(k, mask, 0, 1)
      return note(k.batchMatMul(chosen, x, true), [x], (dy) => k.batchMatMul(chosen, dy))
    },
    /** Rows of a frozen table; one that learns would need the gradient of a slice of free length. */
    positions(table: GraphValue, ids: GraphValue): GraphValue {
      if (table.moves) throw new NotCompilable('it learns a table of positions')
      const s = lastOf(ids.shape)
      return k.reshape(k.firstRows(table, s), [1, s, lastOf(table.shape)])
    },
    maskedMean(x: GraphValue, mask: GraphValue): GraphValue {
      const [b = 1, s = 1] = mask.shape
      const total = k.batchMatMul(k.reshape(mask, [b, 1, s]), x)
      const count = k.reshape(k.maximum(k.sum(mask, [1]), k.float(1)), [b, 1, 1])
      return note(k.div(total, count), [x], (dy) =>
        k.mul(k.div(dy, count), k.reshape(mask, [b, s, 1])),
      )
    },
  }
}

function attentionBias(k: Kernels, mask: GraphValue): GraphValue {
  const [b = 1, s = 1] = mask.shape
  const bias = k.mul(k.sub(mask, k.float(1)), k.float(1e9))
  return k.reshape(bias, [b, 1, 1, s])
}

function ends(k: Kernels, mask: GraphValue, first: number, last: number): GraphValue {
  const isWithin = (isReversed: boolean, most: number) =>
    k.lessEqual(k.runningSum(mask, 1, isReversed), k.float(most))
  const isEnd = k.or(isWithin(false, first), isWithin(true, last))
  return k.reshape(k.mul(mask, k.asFloat(isEnd)), [...mask.shape, 1])
}
