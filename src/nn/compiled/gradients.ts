/**
 * Gradients as nodes of the same graph: each operation notes how the gradient of its result flows back, and `backward` walks the
 * notes in reverse. Nothing is computed here.
 */
import { type GraphValue, fixedSize, lastOf } from './graph.ts'
import type { Kernels } from './kernels.ts'

/** `back` answers the gradient of each of `inputs`, in order; it is asked for those that move alone. */
export type Note = (
  value: GraphValue,
  inputs: readonly GraphValue[],
  back: (gradient: GraphValue, input: number) => GraphValue,
) => GraphValue

export class Tape {
  readonly #kernels: Kernels
  readonly #notes: (() => void)[] = []
  readonly #gradients = new Map<string, GraphValue>()

  constructor(kernels: Kernels) {
    this.#kernels = kernels
  }

  readonly note: Note = (value, inputs, back) => {
    if (!value.moves || this.#isNoted(value)) return value
    this.#noted.add(value.name)
    this.#notes.push(() => {
      const gradient = this.#gradients.get(value.name)
      if (gradient === undefined) return
      for (const [at, input] of inputs.entries())
        if (input.moves) this.#receive(input, back(gradient, at))
    })
    return value
  }

  /** Computes the gradients of all trainable values from the gradient of `output`. Call it once. */
  backward(output: GraphValue, gradient: GraphValue): void {
    this.#receive(output, gradient)
    for (const back of this.#notes.reverse()) back()
  }

  /** Undefined if no gradient arrived. */
  gradientOf(value: GraphValue): GraphValue | undefined {
    return this.#gradients.get(value.name)
  }

  /** The same computation twice is one node, and its gradients arrive there together. */
  readonly #noted = new Set<string>()
  #isNoted({ name }: GraphValue): boolean {
    return this.#noted.has(name)
  }

  #receive(value: GraphValue, gradient: GraphValue): void {
    const before = this.#gradients.get(value.name)
    const whole = this.#kernels.summedTo(gradient, value.shape)
    this.#gradients.set(value.name, before ? this.#kernels.add(before, whole) : whole)
  }
}

/**
 * Operations number by number. A gradient of something broadcast is summed by the tape.
 */
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

/**
 * Products of matrices, and where numbers lie.
 */
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
