/** Elementwise operations on one or two numbers: each rule gives the value and its partial derivatives. */
import { NotPlain, gradientIn, type Note, type PlainValue } from './value.ts'

/** f and its two partial derivatives, at one pair of numbers. */
interface Binary {
  readonly f: (a: number, b: number) => number
  readonly da: (a: number, b: number) => number
  readonly db: (a: number, b: number) => number
}

interface Unary {
  readonly f: (x: number) => number
  /** From x and y = f(x). */
  readonly dx: (x: number, y: number) => number
}

const one = () => 1
const add: Binary = { f: (a, b) => a + b, da: one, db: one }
const sub: Binary = { f: (a, b) => a - b, da: one, db: () => -1 }
const mul: Binary = { f: (a, b) => a * b, da: (_, b) => b, db: (a) => a }
const div: Binary = { f: (a, b) => a / b, da: (_, b) => 1 / b, db: (a, b) => -a / (b * b) }
const maximum: Binary = {
  f: (a, b) => (a >= b ? a : b),
  da: (a, b) => (a >= b ? 1 : 0),
  db: (a, b) => (a >= b ? 0 : 1),
}
const relu: Unary = { f: (x) => (x > 0 ? x : 0), dx: (x) => (x > 0 ? 1 : 0) }
const tanh: Unary = { f: Math.tanh, dx: (_, y) => 1 - y * y }
const log: Unary = { f: Math.log, dx: (x) => 1 / x }
const sqrt: Unary = { f: Math.sqrt, dx: (_, y) => 1 / (2 * y) }

export function elementwise(note: Note) {
  const binary = (rule: Binary) => (a: PlainValue, b: PlainValue) => pairwise(a, b, rule, note)
  const unary = (rule: Unary) => (x: PlainValue) => each(x, rule, note)
  return {
    add: binary(add),
    sub: binary(sub),
    mul: binary(mul),
    div: binary(div),
    maximum: binary(maximum),
    relu: unary(relu),
    tanh: unary(tanh),
    sqrt: unary(sqrt),
    log: unary(log),
  }
}

/** The smaller one repeats along the leading axes of the other. */
function pairwise(a: PlainValue, b: PlainValue, { f, da, db }: Binary, note: Note): PlainValue {
  const [extra, deeper] = [a.data.length - b.data.length, a.shape.length - b.shape.length]
  const isFirst = extra > 0 || (extra === 0 && deeper >= 0)
  const big = isFirst ? a : b
  const small = isFirst ? b : a
  const tail = small.shape.slice(small.shape.findIndex((size) => size > 1))
  const repeats = small.data.length === 1 || tail.join() === big.shape.slice(-tail.length).join()
  if (!repeats) throw new NotPlain('broadcasting inside a shape')
  const [m, n] = [a.data.length, b.data.length]
  const data = new Float32Array(big.data.length)
  for (let at = 0; at < data.length; at += 1) data[at] = f(a.data[at % m] ?? 0, b.data[at % n] ?? 0)
  const y: PlainValue = { shape: big.shape, data, fixed: a.fixed && b.fixed }
  note(y, (dy) => {
    const toA = a.fixed ? undefined : gradientIn(a)
    const toB = b.fixed ? undefined : gradientIn(b)
    for (let at = 0; at < dy.length; at += 1) {
      const gradient = dy[at] ?? 0
      const left = a.data[at % m] ?? 0
      const right = b.data[at % n] ?? 0
      if (toA !== undefined) toA[at % m] = (toA[at % m] ?? 0) + gradient * da(left, right)
      if (toB !== undefined) toB[at % n] = (toB[at % n] ?? 0) + gradient * db(left, right)
    }
  })
  return y
}

function each(x: PlainValue, { f, dx }: Unary, note: Note): PlainValue {
  const y: PlainValue = { shape: x.shape, data: x.data.map(f), fixed: x.fixed }
  note(y, (dy) => {
    const to = gradientIn(x)
    for (let at = 0; at < dy.length; at += 1)
      to[at] = (to[at] ?? 0) + (dy[at] ?? 0) * dx(x.data[at] ?? 0, y.data[at] ?? 0)
  })
  return y
}
