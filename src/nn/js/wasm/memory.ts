/**
 * The kernels of the plain engine and the memory that they work on, in arenas: each tape has one, and so have weights that are
 * being trained. All of them together stay below a limit: beyond it the arenas of tapes go, the least recently used first,
 * because a tape is recorded again in no time.
 *
 * The memory is shared, although one thread uses it: only then do views of it stay valid when it grows.
 */
import { failure, invariant } from '../../../platform/errors.ts'
import { elementwise, type RuleName, zero } from './elementwise.ts'
import { openInstance, openMemory } from './assembler.ts'
import { products, transpose, outerProduct } from './products.ts'
import { flush, squares, type Update, updates } from './updates.ts'

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

/** Of C [m, n] with A [m, k] and B [k, n]; `aWide`: bytes of a row of A as it lies, which is [k, m] where it is turned. */
type ProductKernel = (
  c: number,
  a: number,
  b: number,
  m: number,
  n: number,
  k: number,
  aWide: number,
) => void

export type Kernels = Readonly<
  Record<RuleName | `${RuleName}By` | `${RuleName}From`, RowKernel> &
    Record<'product' | 'productOver' | 'turnedProduct' | 'turnedProductOver', ProductKernel>
> & {
  readonly outerProduct: (c: number, a: number, b: number, m: number, n: number) => void
  readonly transpose: (to: number, from: number, m: number, n: number) => void
  readonly zero: (to: number, bytes: number) => void
  /** Writes Σ x² of `n` numbers, a multiple of four, as one double. */
  readonly squares: (to: number, from: number, n: number) => void
  /** Sets numbers too small to matter to 0; `n`, a multiple of four. */
  readonly flush: (at: number, n: number) => void
} & Readonly<Record<Update, (...words: number[]) => void>>

const PAGE = 65_536
const MOST_PAGES = 32_768
/** Bytes of a vector of four numbers. */
const ALIGNED = 16
/** Sizes of the blocks of an arena: of the first, and the largest that it takes in advance. */
const FIRST_BLOCK = 2 ** 14
const LARGEST_BLOCK = 2 ** 18
/** Of all arenas together. */
const DEFAULT_LIMIT = 2 ** 28

const pages = { first: 16, most: MOST_PAGES, isShared: true }
const memory = openMemory(pages)
export const kernels = openInstance(
  [...products, outerProduct, transpose, zero, squares, flush, ...updates, ...elementwise],
  pages,
  memory,
) as Kernels

const blocks = openBlocks((bytes) => {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE)
  if (missing > 0) memory.grow(missing)
})
/** Those of tapes. */
const tapes = new Set<Arena>()
/** Rises with each use of one. */
let uses = 0

/** Bytes that arenas hold, and how many they may. */
export const kernelMemory = {
  get usedBytes(): number {
    return blocks.usedBytes
  },
  get limitBytes(): number {
    return blocks.limitBytes
  },
  limit(bytes: number): void {
    blocks.limitBytes = Math.min(bytes, MOST_PAGES * PAGE)
  },
}

/** Numbers that are taken one after the other and given back together. */
export class Arena {
  readonly #isTape: boolean
  readonly #held: { readonly at: number; readonly bytes: number }[] = []
  #top = 0
  #end = 0
  #isOpen = true
  #lastUse = (uses += 1)

  constructor({ isTape }: { readonly isTape: boolean }) {
    this.#isTape = isTape
    if (isTape) tapes.add(this)
  }

  /** False once it was closed, here or because others needed its memory. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** The address of `count` numbers, which hold anything. */
  take(count: number): number {
    invariant(this.#isOpen, 'numbers are taken from an arena that is closed')
    const bytes = roundedUp(4 * Math.max(1, count))
    if (this.#top + bytes > this.#end) this.#extend(bytes)
    const at = this.#top
    this.#top += bytes
    return at
  }

  used(): void {
    this.#lastUse = uses += 1
  }

  close(): void {
    for (const { at, bytes } of this.#held) blocks.free(at, bytes)
    this.#held.length = 0
    this.#isOpen = false
    tapes.delete(this)
  }

  #extend(needed: number): void {
    const last = this.#held.at(-1)?.bytes ?? FIRST_BLOCK / 2
    const bytes = this.#isTape ? Math.max(needed, Math.min(2 * last, LARGEST_BLOCK)) : needed
    const at = this.#blockOf(bytes)
    this.#held.push({ at, bytes })
    this.#top = at
    this.#end = at + bytes
  }

  /** The least recently used of the other tapes. */
  #oldestOther(): Arena | undefined {
    let oldest: Arena | undefined
    for (const other of tapes)
      if (other !== this && !(oldest !== undefined && oldest.#lastUse < other.#lastUse))
        oldest = other
    return oldest
  }

  #blockOf(bytes: number): number {
    for (;;) {
      const at = blocks.take(bytes)
      if (at !== undefined) return at
      const oldest = this.#oldestOther()
      if (oldest === undefined) throw full(bytes)
      oldest.close()
    }
  }
}

function full(bytes: number) {
  const { usedBytes, limitBytes } = kernelMemory
  return failure(
    'KERNEL_MEMORY_FULL',
    `training on features needs ${bytes} more bytes of memory, and ${usedBytes} of ${limitBytes} are taken`,
    { details: { bytes, used: usedBytes, limit: limitBytes } },
  )
}

function roundedUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNED) * ALIGNED
}

export function floats(at: number, count: number): Float32Array {
  return new Float32Array(memory.buffer, at, count)
}

export function double(at: number): Float64Array {
  return new Float64Array(memory.buffer, at, 1)
}

/**
 * Which bytes of a memory are free: blocks in the order of their addresses, neighbours joined, and the first that is large enough is
 * taken. There are few blocks, and they live long.
 *
 * Knuth (1997), "The art of computer programming" 1, section 2.5, algorithms A and B.
 */
export interface Blocks {
  limitBytes: number
  readonly usedBytes: number
  /** Undefined if there is no room below the limit. */
  take(bytes: number): number | undefined
  free(at: number, bytes: number): void
}

/** `reach` makes the memory at least so long. */
export function openBlocks(reach: (bytes: number) => void): Blocks {
  const holes: { at: number; bytes: number }[] = []
  /** Everything from here on is free. */
  let end = 0
  let usedBytes = 0
  return {
    limitBytes: DEFAULT_LIMIT,
    get usedBytes() {
      return usedBytes
    },
    take(bytes) {
      const place = holes.findIndex((hole) => hole.bytes >= bytes)
      const hole = holes[place]
      if (hole === undefined && end + bytes > this.limitBytes) return undefined
      usedBytes += bytes
      if (hole === undefined) {
        end += bytes
        reach(end)
        return end - bytes
      }
      const { at } = hole
      if (hole.bytes === bytes) holes.splice(place, 1)
      else holes[place] = { at: at + bytes, bytes: hole.bytes - bytes }
      return at
    },
    free(at, bytes) {
      usedBytes -= bytes
      const found = holes.findIndex((hole) => hole.at > at)
      const next = found < 0 ? holes.length : found
      const before = holes[next - 1]
      const after = holes[next]
      invariant(before === undefined || before.at + before.bytes <= at, 'memory was freed twice')
      const joined = { at, bytes }
      const joinsBefore = before !== undefined && before.at + before.bytes === at
      const joinsAfter = after?.at === at + bytes
      if (joinsBefore) {
        joined.at = before.at
        joined.bytes += before.bytes
      }
      if (joinsAfter) joined.bytes += after.bytes
      const isLast = joined.at + joined.bytes === end
      if (isLast) end = joined.at
      const gone = (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0)
      holes.splice(joinsBefore ? next - 1 : next, gone, ...(isLast ? [] : [joined]))
    },
  }
}
