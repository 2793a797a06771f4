/**
 * The kernels of products: C += A · B, and C = A · B, for A [m, k], B [k, n] and C [m, n], all of them row after row, or A as its
 * transpose. A block of 4 × 8 numbers of C stays in registers over all of k, each number a sum in the order of k. Larger blocks and
 * unrolled loops are slower: V8 loads all that a round reads before it computes, and runs out of registers.
 *
 * Goto & van de Geijn (2008), "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3): its inner kernel alone, because
 * the matrices of small networks lie in the cache as they are.
 */
import {
  type Code,
  four,
  get,
  int,
  isAtMost,
  isLess,
  type Kernel,
  move,
  one,
  plus,
  repeat,
  set,
  times,
} from './assembler.ts'

type Local = (name: string) => number

/** Rows of a block, and the vectors of four columns that it is wide, widest first. */
const BLOCKS = [
  { rows: 4, widths: [2, 1] },
  { rows: 2, widths: [4, 2, 1] },
  { rows: 1, widths: [5, 2, 1] },
]

interface Kind {
  /** It adds to what is there. */
  readonly isSum: boolean
  /** A lies as its transpose [k, m]. */
  readonly isTurned: boolean
}

export const products = [
  productKernel('product', { isSum: true, isTurned: false }),
  productKernel('productOver', { isSum: false, isTurned: false }),
  productKernel('turnedProduct', { isSum: true, isTurned: true }),
  productKernel('turnedProductOver', { isSum: false, isTurned: true }),
]

/** `aWide`: bytes of a row of A as it lies. */
function productKernel(name: string, kind: Kind): Kernel {
  return {
    name,
    parameters: ['c', 'a', 'b', 'm', 'n', 'k', 'aWide'],
    locals: {
      ...{ width: 'i32', j: 'i32', left: 'i32', pb: 'i32', pc: 'i32' },
      ...named('pa', 4, 'i32'),
      ...named('sum', 8, 'v128'),
      ...named('row', 5, 'v128'),
      ...named('one', 4, 'f32'),
      ...{ factor: 'v128', number: 'f32' },
    },
    body: (of) => [
      ...set(of('width'), times(get(of('n')), int(4))),
      ...BLOCKS.flatMap(({ rows, widths }) =>
        repeat(
          isAtMost(int(rows), get(of('m'))),
          set(of('j'), int(0)),
          ...widths.map((vectors) =>
            repeat(
              isAtMost(plus(get(of('j')), int(16 * vectors)), get(of('width'))),
              block(of, { rows, vectors, ...kind }),
              move(of('j'), int(16 * vectors)),
            ),
          ),
          repeat(
            isLess(get(of('j')), get(of('width'))),
            column(of, { rows, ...kind }),
            move(of('j'), int(4)),
          ),
          move(of('a'), kind.isTurned ? int(4 * rows) : times(get(of('aWide')), int(rows))),
          move(of('c'), times(get(of('width')), int(rows))),
          move(of('m'), int(-rows)),
        ),
      ),
    ],
  }
}

function named(name: string, count: number, type: 'i32' | 'f32' | 'v128') {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${at}`, type]))
}

interface Block extends Kind {
  readonly rows: number
  readonly vectors: number
}

/** `rows` × 4·`vectors` numbers of C. */
function block(of: Local, { rows, vectors, isSum, isTurned }: Block): Code {
  const each = <Item>(count: number, item: (at: number) => Item) =>
    Array.from({ length: count }, (_, at) => item(at))
  const sum = (row: number, v: number) => of(`sum${row * vectors + v}`)
  const places = each(rows, (row) => each(vectors, (v) => ({ row, v }))).flat()
  return [
    ...start(of, rows, isTurned),
    ...places.flatMap(({ row, v }) => set(sum(row, v), four.zero)),
    ...overK(of, { rows, isTurned }, [
      ...each(vectors, (v) => set(of(`row${v}`), four.load(get(of('pb')), 16 * v))).flat(),
      ...each(rows, (row) => [
        ...set(of('factor'), four.spread(...placeOfA(of, row, isTurned))),
        ...each(vectors, (v) => {
          const term = four.mul(get(of('factor')), get(of(`row${v}`)))
          return set(sum(row, v), four.add(get(sum(row, v)), term))
        }).flat(),
      ]).flat(),
    ]),
    ...places.flatMap(({ row, v }) => [
      ...(v === 0 && row > 0 ? move(of('pc'), get(of('width'))) : []),
      ...four.store(
        get(of('pc')),
        isSum ? four.add(four.load(get(of('pc')), 16 * v), get(sum(row, v))) : get(sum(row, v)),
        16 * v,
      ),
    ]),
  ]
}

/** `rows` numbers of one column of C. */
function column(of: Local, { rows, isSum, isTurned }: Omit<Block, 'vectors'>): Code {
  const each = (item: (row: number) => Code) =>
    Array.from({ length: rows }, (_, row) => item(row)).flat()
  return [
    ...start(of, rows, isTurned),
    ...each((row) => set(of(`one${row}`), one.zero)),
    ...overK(of, { rows, isTurned }, [
      ...set(of('number'), one.load(get(of('pb')))),
      ...each((row) => {
        const term = one.mul(one.load(...placeOfA(of, row, isTurned)), get(of('number')))
        return set(of(`one${row}`), one.add(get(of(`one${row}`)), term))
      }),
    ]),
    ...each((row) => [
      ...(row > 0 ? move(of('pc'), get(of('width'))) : []),
      ...one.store(
        get(of('pc')),
        isSum ? one.add(one.load(get(of('pc'))), get(of(`one${row}`))) : get(of(`one${row}`)),
      ),
    ]),
  ]
}

/** The number of A in that row: the rows of a transpose lie side by side. */
function placeOfA(of: Local, row: number, isTurned: boolean): [address: Code, offset: number] {
  return isTurned ? [get(of('pa0')), 4 * row] : [get(of(`pa${row}`)), 0]
}

function start(of: Local, rows: number, isTurned: boolean): Code {
  return [
    ...set(of('pb'), plus(get(of('b')), get(of('j')))),
    ...set(of('pc'), plus(get(of('c')), get(of('j')))),
    ...set(of('left'), get(of('k'))),
    ...set(of('pa0'), get(of('a'))),
    ...Array.from({ length: isTurned ? 0 : rows - 1 }, (_, at) =>
      set(of(`pa${at + 1}`), plus(get(of(`pa${at}`)), get(of('aWide')))),
    ).flat(),
  ]
}

function overK(of: Local, { rows, isTurned }: Pick<Block, 'rows' | 'isTurned'>, body: Code): Code {
  const pointers = Array.from({ length: isTurned ? 1 : rows }, (_, row) => of(`pa${row}`))
  return repeat(
    isLess(int(0), get(of('left'))),
    body,
    ...pointers.map((pointer) => move(pointer, isTurned ? get(of('aWide')) : int(4))),
    move(of('pb'), get(of('width'))),
    move(of('left'), int(-1)),
  )
}

/** to [n, m] = the transpose of from [m, n]. */
export const transpose: Kernel = {
  name: 'transpose',
  parameters: ['to', 'from', 'm', 'n'],
  locals: { width: 'i32', p: 'i32', row: 'i32', left: 'i32' },
  body: (of) => [
    ...set(of('width'), times(get(of('m')), int(4))),
    ...set(of('row'), get(of('m'))),
    ...repeat(
      isLess(int(0), get(of('row'))),
      set(of('p'), get(of('to'))),
      set(of('left'), get(of('n'))),
      repeat(
        isLess(int(0), get(of('left'))),
        one.store(get(of('p')), one.load(get(of('from')))),
        move(of('from'), int(4)),
        move(of('p'), get(of('width'))),
        move(of('left'), int(-1)),
      ),
      move(of('to'), int(4)),
      move(of('row'), int(-1)),
    ),
  ],
}

/**
 * The kernel of an outer product: C [m, n] = a · b for a column a [m] and a row b [n], which is the gradient of a matrix by one
 * example. The general product would load and store as much, and set up its blocks for a sum of one term.
 */

/** Vectors that a round writes. */
const WIDE = 4

export const outerProduct: Kernel = {
  name: 'outerProduct',
  parameters: ['c', 'a', 'b', 'm', 'n'],
  locals: { pb: 'i32', end: 'i32', number: 'f32', factor: 'v128' },
  body(of) {
    const vectors = (count: number): Code =>
      repeat(
        isAtMost(plus(get(of('pb')), int(16 * count)), get(of('end'))),
        Array.from({ length: count }, (_, at) =>
          four.store(
            get(of('c')),
            // Added to 0, so that −0 becomes 0 as it does in a sum.
            four.add(four.zero, four.mul(get(of('factor')), four.load(get(of('pb')), 16 * at))),
            16 * at,
          ),
        ).flat(),
        move(of('pb'), int(16 * count)),
        move(of('c'), int(16 * count)),
      )
    const single: Code = repeat(
      isLess(get(of('pb')), get(of('end'))),
      one.store(
        get(of('c')),
        one.add(one.zero, one.mul(get(of('number')), one.load(get(of('pb'))))),
      ),
      move(of('pb'), int(4)),
      move(of('c'), int(4)),
    )
    return [
      ...set(of('end'), plus(get(of('b')), times(get(of('n')), int(4)))),
      ...repeat(
        isLess(int(0), get(of('m'))),
        set(of('number'), one.load(get(of('a')))),
        set(of('factor'), four.splat(get(of('number')))),
        set(of('pb'), get(of('b'))),
        vectors(WIDE),
        vectors(1),
        single,
        move(of('a'), int(4)),
        move(of('m'), int(-1)),
      ),
    ]
  },
}
