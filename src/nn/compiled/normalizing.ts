/** Operations over the last axis. The gradients are those of tfjs/gradients.ts. */
import type { Elementwise } from './elementwise.ts'
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'
import type { Note } from './tape.ts'

const SMALLEST_NORM = 1e-6

export function normalizing(k: Kernels, note: Note, { add, mul }: Elementwise) {
  return {
    /** dx = y · (dy − ⟨dy, y⟩) */
    softmax(x: GraphValue): GraphValue {
      const y = k.softmax(x)
      return note(y, [x], (dy) => k.mul(k.sub(dy, k.sumOfLast(k.mul(dy, y))), y))
    },
    layerNorm: (x: GraphValue, scale: GraphValue, bias: GraphValue, eps: number) =>
      add(mul(normalize(k, note, x, eps), scale), bias),
    rmsNorm: (x: GraphValue, scale: GraphValue, eps: number) =>
      mul(normalizeRms(k, note, x, eps), scale),
    /** y = x / n, n = max(‖x‖, 1e-6); dx = (dy − y · ⟨dy, y⟩) / n, and at the bound dy / n. */
    unit(x: GraphValue): GraphValue {
      const least = k.float(SMALLEST_NORM)
      const n = k.maximum(k.sqrt(k.sumOfLast(k.square(x))), least)
      const y = k.div(x, n)
      return note(y, [x], (dy) => {
        const free = k.asFloat(k.greater(n, least))
        const along = k.mul(k.sumOfLast(k.mul(dy, y)), free)
        return k.div(k.sub(dy, k.mul(y, along)), n)
      })
    },
  }
}

/**
 *   y = (x − mean) · r,   r = 1 / √(var + eps)
 *   dx = r · (dy − mean(dy) − y · mean(dy · y))
 *
 * Ba, Kiros, Hinton (2016), "Layer normalization".
 */
function normalize(k: Kernels, note: Note, x: GraphValue, eps: number): GraphValue {
  const centred = k.sub(x, k.meanOfLast(x))
  const r = k.rsqrt(k.add(k.meanOfLast(k.square(centred)), k.float(eps)))
  const y = k.mul(centred, r)
  return note(y, [x], (dy) => {
    const along = k.mul(y, k.meanOfLast(k.mul(dy, y)))
    return k.mul(r, k.sub(k.sub(dy, k.meanOfLast(dy)), along))
  })
}

/**
 *   y = x · r,   r = 1 / √(mean(x²) + eps)
 *   dx = r · (dy − y · mean(dy · y))
 *
 * Zhang, Sennrich (2019), "Root mean square layer normalization".
 */
function normalizeRms(k: Kernels, note: Note, x: GraphValue, eps: number): GraphValue {
  const r = k.rsqrt(k.add(k.meanOfLast(k.square(x)), k.float(eps)))
  const y = k.mul(x, r)
  return note(y, [x], (dy) => k.mul(r, k.sub(dy, k.mul(y, k.meanOfLast(k.mul(dy, y))))))
}
