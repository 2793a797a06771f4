/** Operations number by number. A gradient of something broadcast is summed by the tape. */
import type { GraphValue } from './graph.ts'
import type { Kernels } from './kernels.ts'
import type { Note } from './tape.ts'

export type Elementwise = ReturnType<typeof elementwise>

export function elementwise(k: Kernels, note: Note) {
  return {
    add: (a: GraphValue, b: GraphValue) => note(k.add(a, b), [a, b], (dy) => dy),
    sub: (a: GraphValue, b: GraphValue) =>
      note(k.sub(a, b), [a, b], (dy, at) => (at === 0 ? dy : k.neg(dy))),
    mul: (a: GraphValue, b: GraphValue) =>
      note(k.mul(a, b), [a, b], (dy, at) => k.mul(dy, at === 0 ? b : a)),
    div: (a: GraphValue, b: GraphValue) => {
      const y = k.div(a, b)
      return note(y, [a, b], (dy, at) => (at === 0 ? k.div(dy, b) : k.neg(k.div(k.mul(dy, y), b))))
    },
    /** If both are equal, the gradient goes to `a`. */
    maximum(a: GraphValue, b: GraphValue) {
      return note(k.maximum(a, b), [a, b], (dy, at) => {
        const fromA = k.asFloat(k.greaterEqual(a, b))
        return k.mul(dy, at === 0 ? fromA : k.sub(k.float(1), fromA))
      })
    },
    tanh(x: GraphValue) {
      const y = k.tanh(x)
      return note(y, [x], (dy) => k.tanhGradient(y, dy))
    },
    relu(x: GraphValue) {
      const y = k.relu(x)
      return note(y, [x], (dy) => k.reluGradient(y, dy))
    },
    sqrt(x: GraphValue) {
      const y = k.sqrt(x)
      return note(y, [x], (dy) => k.sqrtGradient(y, dy))
    },
    /** y = x · s, s = sigmoid(x); dx = dy · (s + y · (1 − s)). */
    silu(x: GraphValue) {
      const s = k.sigmoid(x)
      const y = k.mul(x, s)
      return note(y, [x], (dy) => k.mul(dy, k.add(s, k.mul(y, k.sub(k.float(1), s)))))
    },
    log: (x: GraphValue) => note(k.log(x), [x], (dy) => k.div(dy, x)),
    gelu: (x: GraphValue) => gelu(k, note, x),
  }
}

/**
 *   y = x · Φ(x),   Φ(x) = (1 + erf(x / √2)) / 2
 *   dx = dy · (Φ(x) + x · exp(−x² / 2) / √(2π))
 *
 * Hendrycks, Gimpel (2016), "Gaussian error linear units".
 */
function gelu(k: Kernels, note: Note, x: GraphValue): GraphValue {
  const half = k.float(0.5)
  const phi = k.add(k.mul(k.erf(k.mul(x, k.float(Math.SQRT1_2))), half), half)
  return note(k.mul(x, phi), [x], (dy) => {
    const bell = k.exp(k.mul(k.square(x), k.float(-0.5)))
    const density = k.mul(bell, k.float(1 / Math.sqrt(2 * Math.PI)))
    return k.mul(dy, k.add(phi, k.mul(x, density)))
  })
}
