/**
 * Elementwise operations on one or two numbers. The smaller of two values repeats along the leading axes of the other, and what
 * flows back to it is the sum over them.
 */
import { NotPlain, type PlainValue, type Recorder } from './tape.ts'
import { floats, kernels } from './wasm/memory.ts'

const { addWhere, where } = kernels

type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'max'
/** The partial derivatives, at one pair of numbers. */
type Slopes = readonly [
  (a: number, b: number, dy: number) => number,
  (a: number, b: number, dy: number) => number,
]

const slopes: Record<BinaryName, Slopes> = {
  add: [(_, _b, dy) => dy, (_, _b, dy) => dy],
  sub: [(_, _b, dy) => dy, (_, _b, dy) => -dy],
  mul: [(_, b, dy) => dy * b, (a, _, dy) => dy * a],
  div: [(_, b, dy) => dy / b, (a, b, dy) => (-dy * a) / (b * b)],
  max: [(a, b, dy) => (a >= b ? dy : 0), (a, b, dy) => (a >= b ? 0 : dy)],
}

interface Unary {
  readonly f: (x: number) => number
  /** The derivative, from x and y = f(x). */
  readonly dx: (x: number, y: number) => number
}

const tanh: Unary = { f: Math.tanh, dx: (_, y) => 1 - y * y }
const log: Unary = { f: Math.log, dx: (x) => 1 / x }
const sqrt: Unary = { f: Math.sqrt, dx: (_, y) => 1 / (2 * y) }

export function elementwise(tape: Recorder) {
  const binary = (name: BinaryName) => (a: PlainValue, b: PlainValue) => pairwise(name, a, b, tape)
  const unary = (rule: Unary) => (x: PlainValue) => each(x, rule, tape)
  return {
    add: binary('add'),
    sub: binary('sub'),
    mul: binary('mul'),
    div: binary('div'),
    maximum: binary('max'),
    relu: (x: PlainValue) => relu(x, tape),
    tanh: unary(tanh),
    sqrt: unary(sqrt),
    log: unary(log),
  }
}

function pairwise(name: BinaryName, a: PlainValue, b: PlainValue, tape: Recorder): PlainValue {
  const pair = pairOf(a, b)
  const y = tape.value(pair.shape, a.fixed && b.fixed)
  const { rows, n, form } = pair
  const [aStep, bStep] = pair.steps
  const kernel = kernels[`${name}${form}`]
  const backs = ([0, 1] as const)
    .filter((side) => !(side === 0 ? a : b).fixed)
    .map((side) => flowsBack(name, side, [a, b], pair, tape))
  tape.note(
    y,
    () => {
      kernel(y.at, a.at, b.at, rows, n, 4 * n, aStep, bStep)
    },
    (dy) => {
      for (const back of backs) back(dy)
    },
  )
  return y
}

type Pair = ReturnType<typeof pairOf>

/** How the two lie beside each other: `rows` rows of `n` numbers, and bytes from row to row in each. */
function pairOf(a: PlainValue, b: PlainValue) {
  const [extra, deeper] = [a.size - b.size, a.shape.length - b.shape.length]
  const isFirst = extra > 0 || (extra === 0 && deeper >= 0)
  const { shape } = isFirst ? a : b
  if (a.size === b.size || a.size === 1 || b.size === 1) {
    const form = a.size === b.size ? '' : isFirst ? 'By' : 'From'
    return { shape, form, rows: 1, n: Math.max(a.size, b.size), steps: [0, 0] } as const
  }
  const small = isFirst ? b : a
  const tail = small.shape.slice(small.shape.findIndex((size) => size > 1))
  if (tail.join() !== shape.slice(-tail.length).join())
    throw new NotPlain('broadcasting inside a shape')
  const n = small.size
  const steps: readonly [number, number] = isFirst ? [4 * n, 0] : [0, 4 * n]
  return { shape, form: '', rows: (isFirst ? a : b).size / n, n, steps } as const
}

/** How the gradient at `dy` flows back to one side. */
function flowsBack(
  name: BinaryName,
  side: 0 | 1,
  operands: readonly [PlainValue, PlainValue],
  { rows, n, steps, form }: Pair,
  tape: Recorder,
): (dy: number) => void {
  const [target, other] = side === 0 ? operands : [operands[1], operands[0]]
  const isSummed = target.size === 1 && rows * n > 1
  const [step, otherStep] = side === 0 ? steps : [steps[1], steps[0]]
  if (name === 'div' || name === 'max' || isSummed)
    return (dy) => {
      const to = tape.gradientIn(target)
      slowly(slopes[name][side], to, operands, dy, { target, size: rows * n })
    }
  if (name === 'mul') {
    const kernel = form === '' ? kernels.addProduct : kernels.addProductBy
    return (dy) => {
      kernel(tape.gradientIn(target), dy, other.at, rows, n, step, 4 * n, otherStep)
    }
  }
  const kernel = name === 'sub' && side === 1 ? kernels.sub : kernels.add
  return (dy) => {
    const to = tape.gradientIn(target)
    kernel(to, to, dy, rows, n, step, step, 4 * n)
  }
}

/** Number by number, for operations without a kernel. */
function slowly(
  slope: Slopes[number],
  at: number,
  [a, b]: readonly [PlainValue, PlainValue],
  dyAt: number,
  { target, size }: { readonly target: PlainValue; readonly size: number },
): void {
  const to = floats(at, target.size)
  const dy = floats(dyAt, size)
  for (let i = 0; i < size; i += 1) {
    const flow = slope(a.data[i % a.size] ?? 0, b.data[i % b.size] ?? 0, dy[i] ?? 0)
    to[i % target.size] = (to[i % target.size] ?? 0) + flow
  }
}

function relu(x: PlainValue, tape: Recorder): PlainValue {
  const y = tape.value(x.shape, x.fixed)
  tape.note(
    y,
    () => {
      where(y.at, x.at, x.at, 1, x.size, 0, 0, 0)
    },
    (dy) => {
      addWhere(tape.gradientIn(x), dy, y.at, 1, x.size, 0, 0, 0)
    },
  )
  return y
}

function each(x: PlainValue, { f, dx }: Unary, tape: Recorder): PlainValue {
  const y = tape.value(x.shape, x.fixed)
  tape.note(
    y,
    () => {
      const [from, to] = [x.data, y.data]
      for (let at = 0; at < to.length; at += 1) to[at] = f(from[at] ?? 0)
    },
    (dyAt) => {
      const [to, dy] = [floats(tape.gradientIn(x), x.size), floats(dyAt, x.size)]
      for (let at = 0; at < to.length; at += 1)
        to[at] = (to[at] ?? 0) + (dy[at] ?? 0) * dx(x.data[at] ?? 0, y.data[at] ?? 0)
    },
  )
  return y
}
