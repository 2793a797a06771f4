/**
 * Products in plain JavaScript: y = x·w for x [.., in], w [in, out], with dx = dy·wᵀ and dw = xᵀ·dy. Zeros of x, of which
 * rectified units give many, cost nothing.
 */
import { invariant } from '../runtime/errors.ts'
import { addScaled, NotPlain, slopeIn, type Note, type PlainValue } from './plain-value.ts'

export function matMul(x: PlainValue, w: PlainValue, note: Note): PlainValue {
  const [inSize = 0, outSize = 0] = w.shape
  if (w.shape.length !== 2) throw new NotPlain('a product by more than a matrix')
  invariant(x.shape.at(-1) === inSize, 'matMul of sizes that do not fit')
  const rows = x.data.length / inSize
  const data = new Float32Array(rows * outSize)
  const shape = [...x.shape.slice(0, -1), outSize]
  for (let row = 0; row < rows; row += 1)
    for (let i = 0; i < inSize; i += 1) {
      const value = x.data[row * inSize + i] ?? 0
      if (value !== 0) addScaled(data, row * outSize, w.data, i * outSize, outSize, value)
    }
  const y: PlainValue = { shape, data, fixed: x.fixed && w.fixed }
  note(y, (dy) => {
    if (!x.fixed) backToRows(slopeIn(x), dy, w)
    if (!w.fixed) backToMatrix(slopeIn(w), dy, x, outSize)
  })
  return y
}

function backToRows(dx: Float32Array, dy: Float32Array, { shape, data }: PlainValue): void {
  const [inSize = 0, outSize = 0] = shape
  const rows = dx.length / inSize
  for (let row = 0; row < rows; row += 1)
    for (let i = 0; i < inSize; i += 1) {
      const at = row * inSize + i
      dx[at] = (dx[at] ?? 0) + dot(dy, row * outSize, data, i * outSize, outSize)
    }
}

function backToMatrix(dw: Float32Array, dy: Float32Array, x: PlainValue, outSize: number): void {
  const inSize = dw.length / outSize
  for (const [at, value] of x.data.entries()) {
    if (value === 0) continue
    const row = Math.floor(at / inSize)
    addScaled(dw, (at % inSize) * outSize, dy, row * outSize, outSize, value)
  }
}

function dot(a: Float32Array, aAt: number, b: Float32Array, bAt: number, length: number): number {
  let sum = 0
  for (let at = 0; at < length; at += 1) sum += (a[aAt + at] ?? 0) * (b[bAt + at] ?? 0)
  return sum
}
