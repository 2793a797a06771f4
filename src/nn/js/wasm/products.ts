/**
 * The kernels of products: C += A · B, and C = A · B, for A [m, k], B [k, n] and C [m, n], B and C row after row, A with any strides, so that the same
 * kernel takes A or its transpose. A block of 4 × 8 numbers of C stays in registers over all of k.
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
  { rows: 1, widths: [4, 1] },
]

export const product = productKernel('product', true)
export const productOver = productKernel('productOver', false)

/** `aRow`: bytes from one row of A to the next; `aStep`: from one column to the next. `isSum`: it adds to what is there. */
function productKernel(name: string, isSum: boolean): Kernel {
  return {
    name,
    parameters: ['c', 'a', 'b', 'm', 'n', 'k', 'aRow', 'aStep'],
    locals: {
      ...{ width: 'i32', j: 'i32', left: 'i32', pb: 'i32', pc: 'i32' },
      ...named('pa', 4, 'i32'),
      ...named('sum', 8, 'v128'),
      ...named('row', 4, 'v128'),
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
              block(of, { rows, vectors, isSum }),
              move(of('j'), int(16 * vectors)),
            ),
          ),
          repeat(
            isLess(get(of('j')), get(of('width'))),
            column(of, { rows, isSum }),
            move(of('j'), int(4)),
          ),
          move(of('a'), times(get(of('aRow')), int(rows))),
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

interface Block {
  readonly rows: number
  readonly vectors: number
  readonly isSum: boolean
}

/** `rows` × 4·`vectors` numbers of C. */
function block(of: Local, { rows, vectors, isSum }: Block): Code {
  const each = <Item>(count: number, item: (at: number) => Item) =>
    Array.from({ length: count }, (_, at) => item(at))
  const sum = (row: number, v: number) => of(`sum${row * vectors + v}`)
  const places = each(rows, (row) => each(vectors, (v) => ({ row, v }))).flat()
  return [
    ...start(of, rows),
    ...places.flatMap(({ row, v }) => set(sum(row, v), four.zero)),
    ...overK(of, rows, [
      ...each(vectors, (v) => set(of(`row${v}`), four.load(get(of('pb')), 16 * v))).flat(),
      ...each(rows, (row) => [
        ...set(of('factor'), four.spread(get(of(`pa${row}`)))),
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
function column(of: Local, { rows, isSum }: Omit<Block, 'vectors'>): Code {
  const each = (item: (row: number) => Code) =>
    Array.from({ length: rows }, (_, row) => item(row)).flat()
  return [
    ...start(of, rows),
    ...each((row) => set(of(`one${row}`), one.zero)),
    ...overK(of, rows, [
      ...set(of('number'), one.load(get(of('pb')))),
      ...each((row) => {
        const term = one.mul(one.load(get(of(`pa${row}`))), get(of('number')))
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

function start(of: Local, rows: number): Code {
  return [
    ...set(of('pb'), plus(get(of('b')), get(of('j')))),
    ...set(of('pc'), plus(get(of('c')), get(of('j')))),
    ...set(of('left'), get(of('k'))),
    ...Array.from({ length: rows }, (_, row) =>
      set(
        of(`pa${row}`),
        row === 0 ? get(of('a')) : plus(get(of(`pa${row - 1}`)), get(of('aRow'))),
      ),
    ).flat(),
  ]
}

function overK(of: Local, rows: number, body: Code): Code {
  return repeat(
    isLess(int(0), get(of('left'))),
    body,
    ...Array.from({ length: rows }, (_, row) => move(of(`pa${row}`), get(of('aStep')))),
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
