/**
 * The kernels of the plain engine and the memory that they work on. Numbers are taken from its start to its end and never given
 * back one by one: what records a tape there keeps it for the next steps of its shape, and once all tapes together are larger than
 * `MOST_BYTES` they all begin again.
 *
 * The memory is shared, although one thread uses it: only then do views of it stay valid when it grows.
 */
import { invariant } from '../../../platform/errors.ts'
import { moduleOf } from './assembler.ts'
import { elementwise, type RuleName, zero } from './elementwise.ts'
import { product, transpose } from './products.ts'

/** to, a, b, rows, n, toStep, aStep, bStep: addresses and steps in bytes. */
type RowKernel = (
  to: number,
  a: number,
  b: number,
  rows: number,
  n: number,
  toStep: number,
  aStep: number,
  bStep: number,
) => void

export type Kernels = Readonly<
  Record<RuleName | `${RuleName}By` | `${RuleName}From`, RowKernel>
> & {
  readonly product: RowKernel
  readonly transpose: (to: number, from: number, m: number, n: number) => void
  readonly zero: (to: number, bytes: number) => void
}

// The types of Node do not have it.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: boolean }) => {
    readonly buffer: SharedArrayBuffer
    grow(pages: number): number
  }
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

const PAGE = 65_536
const MOST_PAGES = 32_768
const MOST_BYTES = 2 ** 26
/** Of a vector of four numbers. */
const ALIGNED = 16

const memory = new WebAssembly.Memory({ initial: 16, maximum: MOST_PAGES, shared: true })
const compiled = new WebAssembly.Module(
  moduleOf([product, transpose, zero, ...elementwise], { first: 16, most: MOST_PAGES }),
)
export const kernels = new WebAssembly.Instance(compiled, { env: { memory } }).exports as Kernels

let top = 0
let generation = 0

/** The address of `count` numbers, which hold anything. */
export function take(count: number): number {
  const at = top
  top += Math.ceil((4 * Math.max(1, count)) / ALIGNED) * ALIGNED
  const missing = Math.ceil((top - memory.buffer.byteLength) / PAGE)
  if (missing > 0) memory.grow(missing)
  return at
}

export function floats(at: number, count: number): Float32Array {
  return new Float32Array(memory.buffer, at, count)
}

/** Where the next number will lie. */
export function end(): number {
  return top
}

/** Before a tape is recorded. What it takes is valid as long as `isValid` says so of the result. */
export function beginTape(): number {
  if (top > MOST_BYTES) {
    top = 0
    generation += 1
  }
  return generation
}

export function isValid(begun: number): boolean {
  return begun === generation
}

export function checkValid(begun: number): void {
  invariant(isValid(begun), 'a tape is used after its memory was given to others')
}
