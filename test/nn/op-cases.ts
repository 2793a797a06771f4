/** Every operation of Ops, with the inputs that it is tried on in both engines. */
import type { Ops } from '../../src/contracts/ops.ts'

/** The sizes of a sample, small and uneven. */
export interface Sizes {
  readonly b: number
  readonly s: number
  readonly heads: number
  /** Width of one head; d = heads · size. */
  readonly size: number
  readonly out: number
}

/**
 * Where a value comes from, which decides how it is recorded: an activation, a frozen weight, or the adapter's.
 * `away` stays clear of 0, where some slopes jump; `ids` are below 5; each row of a `mask` starts with a 1, and in `branches` has numbers up to 3.
 */
export interface Place {
  readonly from: 'input' | 'weight' | 'param'
  readonly values?: 'normal' | 'positive' | 'away' | 'ids' | 'mask' | 'branches' | 'zero'
  readonly shape: (sizes: Sizes) => number[]
}

export interface OpCase {
  readonly name: string
  readonly places: Readonly<Record<string, Place>>
  /** Places that the gradient is checked for. */
  readonly slopes: readonly string[]
  build<T>(ops: Ops<T>, at: (place: string) => T, sizes: Sizes): T
}

const x: Place = { from: 'input', shape: ({ b, s, heads, size }) => [b, s, heads * size] }
const y: Place = { ...x }
const away: Place = { ...x, values: 'away' }
const positive: Place = { ...x, values: 'positive' }
const mask: Place = { from: 'input', values: 'mask', shape: ({ b, s }) => [b, s] }
const branches: Place = { ...mask, values: 'branches' }
const ids: Place = { from: 'input', values: 'ids', shape: ({ b, s }) => [b, s] }
const table: Place = { from: 'weight', shape: ({ heads, size }) => [9, heads * size] }
const matrix = (from: Place['from']): Place => ({
  from,
  shape: ({ heads, size, out }) => [heads * size, out],
})
const vector = (from: Place['from']): Place => ({
  from,
  shape: ({ heads, size }) => [heads * size],
})
const headwise: Place = { from: 'input', shape: ({ b, s, heads, size }) => [b, heads, s, size] }
const square: Place = { from: 'input', shape: ({ b, s, heads }) => [b, heads, s, s] }

/** Of a square of positions. */
const SIDE = 4

export const opCases: readonly OpCase[] = [
  {
    name: 'matMul by a weight',
    places: { x, w: matrix('weight') },
    slopes: ['x'],
    build: (ops, at) => ops.matMul(at('x'), at('w')),
  },
  {
    name: 'matMul by a parameter',
    places: { x, w: matrix('param') },
    slopes: ['x', 'w'],
    build: (ops, at) => ops.matMul(at('x'), at('w')),
  },
  {
    name: 'matMul by a turned parameter',
    places: { x, w: { from: 'param', shape: ({ heads, size, out }) => [out, heads * size] } },
    slopes: ['x', 'w'],
    build: (ops, at) => ops.matMul(at('x'), ops.transpose(at('w'))),
  },
  {
    name: 'matMul by a turned weight',
    places: { x, w: { from: 'weight', shape: ({ heads, size, out }) => [out, heads * size] } },
    slopes: ['x'],
    build: (ops, at) => ops.matMul(at('x'), ops.transpose(at('w'))),
  },
  {
    name: 'batchMatMul',
    places: { a: square, b: headwise },
    slopes: ['a', 'b'],
    build: (ops, at) => ops.batchMatMul(at('a'), at('b')),
  },
  {
    name: 'batchMatMul by the transposed',
    places: { a: headwise, b: headwise },
    slopes: ['a', 'b'],
    build: (ops, at) => ops.batchMatMul(at('a'), at('b'), true),
  },
  {
    name: 'add a parameter to each position',
    places: { x, p: vector('param') },
    slopes: ['x', 'p'],
    build: (ops, at) => ops.add(at('x'), at('p')),
  },
  {
    name: 'sub',
    places: { x, y },
    slopes: ['x', 'y'],
    build: (ops, at) => ops.sub(at('x'), at('y')),
  },
  {
    name: 'mul by a parameter and a scalar',
    places: { x, p: vector('param') },
    slopes: ['x', 'p'],
    build: (ops, at) => ops.mul(ops.mul(at('x'), at('p')), ops.scalar(0.3)),
  },
  {
    name: 'div',
    places: { x, y: positive },
    slopes: ['x', 'y'],
    build: (ops, at) => ops.div(at('x'), at('y')),
  },
  {
    name: 'softmax',
    places: { x },
    slopes: ['x'],
    build: (ops, at) => ops.softmax(at('x')),
  },
  {
    name: 'layerNorm with frozen scale and bias',
    places: { x, scale: vector('weight'), bias: vector('weight') },
    slopes: ['x'],
    build: (ops, at) => ops.layerNorm(at('x'), at('scale'), at('bias'), 1e-2),
  },
  {
    name: 'layerNorm with trained scale and bias',
    places: { x, scale: vector('param'), bias: vector('param') },
    slopes: ['x', 'scale', 'bias'],
    build: (ops, at) => ops.layerNorm(at('x'), at('scale'), at('bias'), 1e-2),
  },
  {
    name: 'rmsNorm with a frozen scale',
    places: { x, scale: vector('weight') },
    slopes: ['x'],
    build: (ops, at) => ops.rmsNorm(at('x'), at('scale'), 1e-2),
  },
  {
    name: 'rmsNorm with a trained scale',
    places: { x, scale: vector('param') },
    slopes: ['x', 'scale'],
    build: (ops, at) => ops.rmsNorm(at('x'), at('scale'), 1e-2),
  },
  { name: 'silu', places: { x }, slopes: ['x'], build: (ops, at) => ops.silu(at('x')) },
  { name: 'gelu', places: { x }, slopes: ['x'], build: (ops, at) => ops.gelu(at('x')) },
  { name: 'relu', places: { x: away }, slopes: ['x'], build: (ops, at) => ops.relu(at('x')) },
  { name: 'tanh', places: { x }, slopes: ['x'], build: (ops, at) => ops.tanh(at('x')) },
  { name: 'sqrt', places: { x: positive }, slopes: ['x'], build: (ops, at) => ops.sqrt(at('x')) },
  { name: 'log', places: { x: positive }, slopes: ['x'], build: (ops, at) => ops.log(at('x')) },
  {
    name: 'maximum of two that broadcast',
    places: { x: away, p: { ...vector('param'), values: 'zero' } },
    slopes: ['x', 'p'],
    build: (ops, at) => ops.maximum(at('x'), at('p')),
  },
  {
    name: 'maximum of a parameter and a scalar',
    places: { x, p: { ...vector('param'), values: 'away' } },
    slopes: ['p'],
    build: (ops, at) => ops.add(at('x'), ops.maximum(ops.scalar(0), at('p'))),
  },
  {
    name: 'gather',
    places: { table, ids },
    slopes: [],
    build: (ops, at) => ops.gather(at('table'), at('ids')),
  },
  {
    name: 'positions',
    places: { table, ids },
    slopes: [],
    build: (ops, at) => ops.positions(at('table'), at('ids')),
  },
  {
    name: 'splitHeads',
    places: { x },
    slopes: ['x'],
    build: (ops, at, { heads }) => ops.splitHeads(at('x'), heads),
  },
  {
    name: 'mergeHeads',
    places: { a: headwise },
    slopes: ['a'],
    build: (ops, at) => ops.mergeHeads(at('a')),
  },
  {
    name: 'columns',
    places: { x },
    slopes: ['x'],
    build: (ops, at) => ops.columns(at('x'), 1, 3),
  },
  {
    name: 'concat',
    places: { x, y },
    slopes: ['x', 'y'],
    build: (ops, at) => ops.concat([at('x'), at('y'), at('x')]),
  },
  {
    name: 'attentionBias',
    places: { mask },
    slopes: [],
    build: (ops, at) => ops.attentionBias(at('mask')),
  },
  {
    name: 'positions of a mask',
    places: { table, mask },
    slopes: [],
    build: (ops, at) => ops.positions(at('table'), at('mask')),
  },
  {
    name: 'causalBias',
    places: { mask },
    slopes: [],
    build: (ops, at) => ops.causalBias(at('mask')),
  },
  {
    name: 'causalBias with a window',
    places: { mask },
    slopes: [],
    build: (ops, at) => ops.causalBias(at('mask'), 2),
  },
  {
    name: 'causalBias of texts with one beginning',
    places: { branches },
    slopes: [],
    build: (ops, at) => ops.causalBias(at('branches')),
  },
  {
    name: 'causalBias of such texts with a window',
    places: { branches },
    slopes: [],
    build: (ops, at) => ops.causalBias(at('branches'), 2),
  },
  {
    name: 'causalPositions',
    places: { table, branches },
    slopes: [],
    build: (ops, at) => ops.causalPositions(at('table'), at('branches')),
  },
  {
    name: 'lastPosition',
    places: { x, mask },
    slopes: ['x'],
    build: (ops, at) => ops.lastPosition(at('x'), at('mask')),
  },
  {
    name: 'ends',
    places: { x, mask },
    slopes: ['x'],
    build: (ops, at) => ops.mul(at('x'), ops.ends(at('mask'), 1, 2)),
  },
  {
    name: 'ends of one side',
    places: { mask },
    slopes: [],
    build: (ops, at) => ops.ends(at('mask'), 0, 2),
  },
  {
    name: 'maskedMean',
    places: { x, mask },
    slopes: ['x'],
    build: (ops, at) => ops.maskedMean(at('x'), at('mask')),
  },
  {
    name: 'maskedMax',
    places: { x, mask },
    slopes: ['x'],
    build: (ops, at) => ops.maskedMax(at('x'), at('mask')),
  },
  {
    name: 'depthwise',
    places: {
      x: { from: 'input', shape: ({ b, out }) => [b, SIDE * SIDE, out] },
      w: { from: 'weight', shape: ({ out }) => [9, out] },
    },
    slopes: ['x'],
    build: (ops, at) => ops.depthwise(at('x'), at('w'), SIDE),
  },
  { name: 'unit', places: { x }, slopes: ['x'], build: (ops, at) => ops.unit(at('x')) },
  {
    name: 'unit of a vector of length 0',
    places: { x: { ...x, values: 'zero' } },
    slopes: [],
    build: (ops, at) => ops.unit(at('x')),
  },
]
