/**
 * Products in plain JavaScript: y = x·w for x [.., in], w [in, out], with dx = dy·wᵀ and dw = xᵀ·dy. Zeros of x, which
 * rectified units often give, cost nothing; nonzero numbers are processed four at a time, so that each number of a
 * result is read and written a quarter as often.
 */
import { invariant } from '../../platform/errors.ts'
import { addScaled, NotPlain, gradientIn, type Note, type PlainValue } from './value.ts'

export function matMul(x: PlainValue, w: PlainValue, note: Note): PlainValue {
  const [inSize = 0, outSize = 0] = w.shape
  if (w.shape.length !== 2) throw new NotPlain('a product by more than a matrix')
  invariant(x.shape.at(-1) === inSize, 'matMul of sizes that do not fit')
  const rows = x.data.length / inSize
  const data = new Float32Array(rows * outSize)
  const shape = [...x.shape.slice(0, -1), outSize]
  // y[row] = Σᵢ x[row, i] · w[i]
  for (let row = 0; row < rows; row += 1) {
    const factors = { data: x.data, from: row * inSize, step: 1, count: inSize }
    addRows(data, row * outSize, factors, w.data, outSize)
  }
  const y: PlainValue = { shape, data, fixed: x.fixed && w.fixed }
  note(y, (dy) => {
    if (!x.fixed) backToRows(gradientIn(x), dy, w)
    if (!w.fixed) backToMatrix(gradientIn(w), dy, x.data, outSize)
  })
  return y
}

export function transpose(w: PlainValue, note: Note): PlainValue {
  const [rows = 0, columns = 0] = w.shape
  const y: PlainValue = {
    shape: [columns, rows],
    data: turned(w.data, rows, columns),
    fixed: w.fixed,
  }
  note(y, (dy) => {
    addScaled(gradientIn(w), 0, turned(dy, columns, rows), 0, dy.length, 1)
  })
  return y
}

function turned(data: Float32Array, rows: number, columns: number): Float32Array {
  const other = new Float32Array(data.length)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      other[column * rows + row] = data[row * columns + column] ?? 0
  return other
}

/** dw[i] += Σ over rows of x[row, i] · dy[row] */
function backToMatrix(dw: Float32Array, dy: Float32Array, x: Float32Array, outSize: number): void {
  const inSize = dw.length / outSize
  const rows = dy.length / outSize
  for (let i = 0; i < inSize; i += 1) {
    const factors = { data: x, from: i, step: inSize, count: rows }
    addRows(dw, i * outSize, factors, dy, outSize)
  }
}

/** dx[row, i] += dy[row] · w[i] */
function backToRows(dx: Float32Array, dy: Float32Array, { shape, data: w }: PlainValue): void {
  const [inSize = 0, outSize = 0] = shape
  const rows = dx.length / inSize
  for (let row = 0; row < rows; row += 1) {
    const [to, from] = [row * inSize, row * outSize]
    let i = 0
    for (; i + 3 < inSize; i += 4) fourDots(dx, to + i, dy, from, w, i * outSize, outSize)
    for (; i < inSize; i += 1)
      for (let at = 0; at < outSize; at += 1)
        dx[to + i] = (dx[to + i] ?? 0) + (dy[from + at] ?? 0) * (w[i * outSize + at] ?? 0)
  }
}

/** to[0..4) += v · row, of four rows of `size` numbers. */
function fourDots(
  to: Float32Array,
  toAt: number,
  v: Float32Array,
  from: number,
  rows: Float32Array,
  rowsAt: number,
  size: number,
): void {
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < size; at += 1) {
    const value = v[from + at] ?? 0
    const place = rowsAt + at
    a += value * (rows[place] ?? 0)
    b += value * (rows[place + size] ?? 0)
    c += value * (rows[place + 2 * size] ?? 0)
    d += value * (rows[place + 3 * size] ?? 0)
  }
  to[toAt] = (to[toAt] ?? 0) + a
  to[toAt + 1] = (to[toAt + 1] ?? 0) + b
  to[toAt + 2] = (to[toAt + 2] ?? 0) + c
  to[toAt + 3] = (to[toAt + 3] ?? 0) + d
}

/** `count` numbers with stride `step`. */
interface Factors {
  readonly data: Float32Array
  readonly from: number
  readonly step: number
  readonly count: number
}

/** to += Σₖ factorₖ · rowₖ, over the rows of `size` numbers with a factor other than zero. */
function addRows(
  to: Float32Array,
  toAt: number,
  { data, from, step, count }: Factors,
  rows: Float32Array,
  size: number,
): void {
  // Up to four pending rows: their factors, and where they begin.
  let waiting = 0
  let a = 0
  let b = 0
  let c = 0
  let p = 0
  let q = 0
  let r = 0
  for (let k = 0; k < count; k += 1) {
    const d = data[from + k * step] ?? 0
    if (d === 0) continue
    const s = k * size
    if (waiting === 0) {
      a = d
      p = s
    } else if (waiting === 1) {
      b = d
      q = s
    } else if (waiting === 2) {
      c = d
      r = s
    } else
      for (let at = 0; at < size; at += 1)
        to[toAt + at] =
          (to[toAt + at] ?? 0) +
          (a * (rows[p + at] ?? 0) +
            b * (rows[q + at] ?? 0) +
            c * (rows[r + at] ?? 0) +
            d * (rows[s + at] ?? 0))
    waiting = (waiting + 1) % 4
  }
  if (waiting > 0) addScaled(to, toAt, rows, p, size, a)
  if (waiting > 1) addScaled(to, toAt, rows, q, size, b)
  if (waiting > 2) addScaled(to, toAt, rows, r, size, c)
}
