/**
 * Products of whole numbers of 16 bits with a sign, in 32 bits: exact, and the same to the bit whatever the order, because nothing is
 * rounded. Two products and their sum are one instruction, for four columns at a time.
 *
 *   G += Σ w·q·qᵀ      the lower triangle, row after row      Y = X·P
 *
 * Both are sums over pairs of numbers: of two rows q, or of two numbers of a row of X. So both are laid out in panels of eight columns,
 * with the two numbers of a pair side by side, and a strip of the result is eight rows of it.
 */
import {
  type Code,
  four,
  get,
  int,
  isLess,
  type Kernel,
  move,
  openInstance,
  openMemory,
  plus,
  repeat,
  set,
  times,
  whole4,
} from './assembler.ts'

/** Columns of a panel, and rows of a strip. */
const WIDE = 8
/** Bytes of the eight pairs of a panel. */
const PAIRS = 4 * WIDE
/** Rows whose sums stay in registers. */
const TALL = 4
const PAGE = 65_536
const MOST_PAGES = 32_768

/** No sum of products may reach it. */
const MOST = 2 ** 31
/** Numbers of the rows that are laid out at a time: they stay in the cache. */
const BLOCK = 2 ** 19
/** What numbers of more than 16 bits are cut into. */
const DIGIT = 2 ** 12

/** C [8, 8·panels] = Aᵀ·B for one panel of A and `panels` of B, each of `pairs`. */
const strip: Kernel = {
  name: 'strip',
  parameters: ['c', 'a', 'b', 'pairs', 'panels'],
  locals: {
    ...{ pa: 'i32', pb: 'i32', left: 'i32', wide: 'i32', start: 'i32' },
    ...{ b0: 'v128', b1: 'v128', factor: 'v128' },
    ...Object.fromEntries(Array.from({ length: 2 * TALL }, (_, at) => [`sum${at}`, 'v128'])),
  },
  body: (of) => [
    // A row of C.
    ...set(of('wide'), times(get(of('panels')), int(PAIRS))),
    ...repeat(
      isLess(int(0), get(of('panels'))),
      block(of, 0),
      block(of, TALL),
      set(of('b'), get(of('pb'))),
      move(of('c'), int(PAIRS)),
      move(of('panels'), int(-1)),
    ),
  ],
}

type Local = (name: string) => number

/** Four rows of a strip, from `first` on, by eight columns. */
function block(of: Local, first: number): Code {
  const rows = Array.from({ length: TALL }, (_, row) => row)
  const sum = (row: number, half: number) => of(`sum${2 * row + half}`)
  const halves = [0, 1]
  return [
    ...rows.flatMap((row) => halves.flatMap((half) => set(sum(row, half), four.zero))),
    ...set(of('pa'), get(of('a'))),
    ...set(of('pb'), get(of('b'))),
    ...set(of('left'), get(of('pairs'))),
    ...repeat(
      isLess(int(0), get(of('left'))),
      set(of('b0'), four.load(get(of('pb')))),
      set(of('b1'), four.load(get(of('pb')), 16)),
      ...rows.flatMap((row) => [
        set(of('factor'), four.spread(get(of('pa')), 4 * (first + row))),
        ...halves.map((half) =>
          set(
            sum(row, half),
            whole4.add(get(sum(row, half)), whole4.dot(get(of('factor')), get(of(`b${half}`)))),
          ),
        ),
      ]),
      move(of('pa'), int(PAIRS)),
      move(of('pb'), int(PAIRS)),
      move(of('left'), int(-1)),
    ),
    ...set(of('start'), plus(get(of('c')), times(get(of('wide')), int(first)))),
    ...rows.flatMap((row) => [
      ...halves.flatMap((half) => four.store(get(of('start')), get(sum(row, half)), 16 * half)),
      ...(row < TALL - 1 ? move(of('start'), get(of('wide'))) : []),
    ]),
  ]
}

const pages = { first: 1, most: MOST_PAGES, isShared: false }
const memory = openMemory(pages)
const kernels = openInstance([strip], pages, memory) as {
  readonly strip: (c: number, a: number, b: number, pairs: number, panels: number) => void
}

/** Bytes from 0 on: the matrix, a strip of the result, and what is multiplied. */
let matrixBytes = 0

/** Grows the memory; views of it are new ones afterwards. */
function reach(bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE)
  if (missing > 0) memory.grow(missing)
}

/** low += Σ w·q·qᵀ for weights in whole numbers; `low` is a lower triangle, row after row. */
export function addGram(
  low: Float64Array,
  rows: readonly Int16Array[],
  weights: readonly number[],
): void {
  const width = rows[0]?.length ?? 0
  const most = Math.max(2, 2 * Math.floor(BLOCK / width / 2))
  const weight = weights[0] ?? 0
  const isEven = weights.every((each) => each === weight)
  for (let from = 0; from < rows.length;) {
    let [to, sum] = [from, 0]
    for (; to < rows.length && to - from < most; to += 1) {
      const greatest = magnitudeOf(rows[to])
      sum += greatest * (isEven ? greatest : DIGIT)
      if (sum >= MOST) break
    }
    addBlock(low, rows.slice(from, to), isEven ? weight : weights.slice(from, to))
    from = to
  }
}

/** A power of two that no number of the row exceeds. */
function magnitudeOf(row: Int16Array | undefined): number {
  let bits = 0
  for (let at = 0; at < (row?.length ?? 0); at += 1) {
    const number = row?.[at] ?? 0
    bits |= number ^ (number >> 31)
  }
  return 2 ** (32 - Math.clz32(bits))
}

/**
 * With one weight for all, it is multiplied to the sums. Otherwise w·q is cut into digits of 12 bits, and each has its sums.
 */
function addBlock(
  low: Float64Array,
  rows: readonly Int16Array[],
  weights: number | readonly number[],
): void {
  const width = rows[0]?.length ?? 0
  const [pairs, panels] = [Math.ceil(rows.length / 2), Math.ceil(width / WIDE)]
  const c = matrixBytes
  const b = c + PAIRS * WIDE * panels
  const size = PAIRS * pairs * panels
  reach(b + 2 * size)
  const [numbers, factors] = [b, b + size].map((at) => new Int16Array(memory.buffer, at, size / 2))
  const sums = new Int32Array(memory.buffer, c, WIDE * WIDE * panels)
  if (numbers === undefined || factors === undefined) return
  layOut(rows, numbers)
  const add = (a: number, factor: number) => {
    for (let at = 0; at < panels; at += 1) {
      kernels.strip(c, a + PAIRS * pairs * at, b, pairs, at + 1)
      addStrip(low, { sums, first: WIDE * at, width }, factor)
    }
  }
  if (typeof weights === 'number') {
    add(b, weights)
    return
  }
  let rests = rows.map((row, at) => Float64Array.from(row, (number) => number * (weights[at] ?? 0)))
  for (let unit = 1; rests.some((rest) => rest.some((number) => number !== 0)); unit *= DIGIT) {
    const next = rests.map((rest) => rest.map((number) => Math.trunc(number / DIGIT)))
    const digits = rests.map((rest, row) =>
      Int16Array.from(rest, (number, at) => number - DIGIT * (next[row]?.[at] ?? 0)),
    )
    layOut(digits, factors)
    add(b + size, unit)
    rests = next
  }
}

/** Pairs of rows in panels; what is missing in the last pair and the last panel is 0. */
function layOut(rows: readonly Int16Array[], into: Int16Array): void {
  const width = rows[0]?.length ?? 0
  const pairs = Math.ceil(rows.length / 2)
  if (width % WIDE > 0 || rows.length % 2 > 0) into.fill(0)
  for (const [at, row] of rows.entries()) {
    const first = 2 * WIDE * (at >> 1) + (at & 1)
    for (let from = 0, panel = first; from < width; from += WIDE, panel += 2 * WIDE * pairs) {
      const end = Math.min(width, from + WIDE)
      for (let k = from, to = panel; k < end; k += 1, to += 2) into[to] = row[k] ?? 0
    }
  }
}

interface Strip {
  readonly sums: Int32Array
  /** Its first row. */
  readonly first: number
  readonly width: number
}

function addStrip(low: Float64Array, { sums, first, width }: Strip, factor: number): void {
  const wide = first + WIDE
  for (let row = first; row < Math.min(wide, width); row += 1)
    for (let to = (row * (row + 1)) / 2, from = wide * (row - first), k = 0; k <= row; k += 1)
      low[to + k] = (low[to + k] ?? 0) + factor * (sums[from + k] ?? 0)
}

/** The matrix whose panels lie at the start of the memory. */
let loaded: Int16Array | undefined

/** P [inputs, outputs] in whole numbers of 16 bits, for products whose sums stay below 2³¹. */
export class WholeMatrix {
  readonly #panels: Int16Array
  readonly #pairs: number
  readonly #outputs: number

  constructor(data: Float32Array, outputs: number) {
    const inputs = data.length / outputs
    const rows = Array.from({ length: inputs }, (_, row) =>
      Int16Array.from(data.subarray(row * outputs, (row + 1) * outputs)),
    )
    this.#outputs = outputs
    this.#pairs = Math.ceil(inputs / 2)
    this.#panels = new Int16Array((PAIRS / 2) * this.#pairs * Math.ceil(outputs / WIDE))
    layOut(rows, this.#panels)
  }

  /** Calls `use` with x·P of each row; it holds until `use` returns. */
  multiply(rows: readonly Int16Array[], use: (products: Int32Array, row: number) => void): void {
    const [pairs, panels] = [this.#pairs, Math.ceil(this.#outputs / WIDE)]
    const c = this.#load()
    const a = c + PAIRS * WIDE * panels
    reach(a + PAIRS * pairs)
    const factors = new Int16Array(memory.buffer, a, (PAIRS / 2) * pairs)
    const products = Array.from(
      { length: WIDE },
      (_, row) => new Int32Array(memory.buffer, c + PAIRS * panels * row, this.#outputs),
    )
    for (let first = 0; first < rows.length; first += WIDE) {
      const some = rows.slice(first, first + WIDE)
      for (const [row, numbers] of some.entries())
        for (let k = 0, to = 2 * row; k < numbers.length; k += 2, to += 2 * WIDE) {
          factors[to] = numbers[k] ?? 0
          factors[to + 1] = numbers[k + 1] ?? 0
        }
      kernels.strip(c, a, 0, pairs, panels)
      for (const row of some.keys()) use(products[row] ?? NONE, first + row)
    }
  }

  /** Where the matrix ends in the memory. */
  #load(): number {
    if (loaded !== this.#panels) {
      matrixBytes = this.#panels.byteLength
      reach(matrixBytes)
      new Int16Array(memory.buffer, 0, this.#panels.length).set(this.#panels)
      loaded = this.#panels
    }
    return matrixBytes
  }
}

const NONE = new Int32Array()
