/** Products of matrices, and where numbers lie. */
import type { Elementwise } from './elementwise.ts'
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'
import { fixedSize, lastOf } from './shape.ts'
import type { Note } from './tape.ts'

export function linearAlgebra(k: Kernels, note: Note, { add }: Pick<Elementwise, 'add'>) {
  /** Products by the name of what they became. */
  const products = new Map<string, GraphValue>()
  return {
    /** A bias goes into the product that it is added to: TensorFlow computes both in one pass. */
    add(a: GraphValue, b: GraphValue): GraphValue {
      const product = products.get(a.name)
      if (product === undefined || b.shape.length !== 1) return add(a, b)
      return note(k.reshape(k.biasAdd(product, b), a.shape), [a, b], (dy) => dy)
    },
    /** One product over all positions of all rows: [b, s, in] · [in, out]. */
    matMul(x: GraphValue, w: GraphValue): GraphValue {
      const rows = k.flat(x)
      const product = k.matMul(rows, w)
      const y = k.reshape(product, [...x.shape.slice(0, -1), lastOf(w.shape)])
      products.set(y.name, product)
      return note(y, [x, w], (dy, at) => {
        const flat = k.flat(dy)
        return at === 0
          ? k.reshape(k.matMul(flat, w, false, true), x.shape)
          : k.matMul(rows, flat, true)
      })
    },
    transpose: (w: GraphValue) =>
      note(k.transpose(w, [1, 0]), [w], (dy) => k.transpose(dy, [1, 0])),
    batchMatMul(a: GraphValue, b: GraphValue, turnB = false): GraphValue {
      return note(k.batchMatMul(a, b, false, turnB), [a, b], (dy, at) => {
        if (at === 0) return k.batchMatMul(dy, b, false, !turnB)
        return turnB ? k.batchMatMul(dy, a, true) : k.batchMatMul(a, dy, true)
      })
    },
    columns(x: GraphValue, from: number, to: number): GraphValue {
      const width = fixedSize(lastOf(x.shape), 'a sliced axis')
      return note(k.columns(x, from, to), [x], (dy) => k.padded(dy, from, width))
    },
    concat(parts: readonly GraphValue[]): GraphValue {
      const widths = parts.map(({ shape }) => fixedSize(lastOf(shape), 'a part of concat'))
      const starts = widths.map((_, at) => sum(widths.slice(0, at)))
      return note(k.concat(parts, sum(widths)), parts, (dy, at) => {
        const from = starts[at] ?? 0
        return k.columns(dy, from, from + (widths[at] ?? 0))
      })
    },
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
