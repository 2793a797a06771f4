/**
 * How gradients flow back along a tape. The first time finds out which values one reaches, and in which order: every repetition
 * is the same, only that gradients that are added to are set to zero first.
 */
import type { Tensors } from '../../contracts/core.ts'
import { type Arena, kernels, floats } from './wasm/memory.ts'

const { zero } = kernels

interface Back {
  readonly value: PlainValue
  readonly back: (gradientAt: number) => void
}

interface Region {
  readonly at: number
  bytes: number
}

export function openGradients(arena: Arena) {
  const backs: Back[] = []
  /** Parameters that lie elsewhere, and where their gradients do. */
  const held = new Map<PlainValue, number>()
  /** Set to zero before each repetition: gradients on the tape, and those of held parameters. */
  const own: Region[] = []
  const others: Region[] = []
  let flows: (() => void)[] | undefined
  let isAddedNow = false

  const placed = (value: PlainValue) => {
    const elsewhere = held.get(value)
    return (value.gradientAt = elsewhere ?? arena.take(value.size))
  }
  const gradientIn = (value: PlainValue): number => {
    if (value.gradientAt !== undefined) return value.gradientAt
    const at = placed(value)
    const region = { at, bytes: 4 * value.size }
    if (held.has(value)) others.push(region)
    else join(own, region)
    if (!held.has(value) || !isAddedNow) zero(at, region.bytes)
    return at
  }
  const gradientOver = (value: PlainValue): ReturnType<Recorder['gradientOver']> => {
    const isFirst = value.gradientAt === undefined
    const at = value.gradientAt ?? placed(value)
    const isHeld = held.has(value)
    return { at, isFirst: () => isFirst && !(isHeld && isAddedNow) }
  }
  const begin = (output: PlainValue, gradient: Float32Array) => {
    if (output.gradientAt === undefined) placed(output)
    output.gradient?.set(gradient)
  }
  const first = (): (() => void)[] => {
    const found: (() => void)[] = []
    for (const { value, back } of backs.toReversed()) {
      const { gradientAt } = value
      if (gradientAt === undefined) continue
      back(gradientAt)
      found.push(() => {
        back(gradientAt)
      })
    }
    return found
  }
  return {
    ...{ backs, held, gradientIn, gradientOver },
    backward(output: PlainValue, gradient: Float32Array, isAdded: boolean) {
      isAddedNow = isAdded
      if (flows === undefined) {
        begin(output, gradient)
        flows = first()
        return
      }
      for (const { at, bytes } of own) zero(at, bytes)
      if (!isAdded) for (const { at, bytes } of others) zero(at, bytes)
      begin(output, gradient)
      for (const flow of flows) flow()
    },
  }
}

/** Taken one after the other, they mostly are neighbours. */
function join(regions: Region[], { at, bytes }: Region): void {
  const last = regions.at(-1)
  const padded = last === undefined ? 0 : Math.ceil((last.at + last.bytes) / 16) * 16
  if (last !== undefined && padded === at) last.bytes = at + bytes - last.at
  else regions.push({ at, bytes })
}

/**
 * A value on the tape of the plain engine: numbers in the memory of its kernels.
 */
export class PlainValue {
  readonly shape: readonly number[]
  /** Its address, in bytes. */
  readonly at: number
  readonly size: number
  /** A number without a gradient is fixed: nothing flows back to it. */
  readonly fixed: boolean
  /** Present once a gradient has reached it. */
  gradientAt: number | undefined
  #data: Float32Array | undefined
  #gradient: Float32Array | undefined

  constructor(shape: readonly number[], fixed: boolean, at: number) {
    this.shape = shape
    this.fixed = fixed
    this.size = sizeOf(shape)
    this.at = at
  }

  get data(): Float32Array {
    return (this.#data ??= floats(this.at, this.size))
  }

  get gradient(): Float32Array | undefined {
    if (this.gradientAt !== undefined) this.#gradient ??= floats(this.gradientAt, this.size)
    return this.#gradient
  }
}

/** The part of its tape that an operation needs. */
export interface Recorder {
  readonly arena: Arena
  value(shape: readonly number[], fixed: boolean): PlainValue
  /** Runs `forward` now and with every repetition of the tape, and notes how the gradient of `value` flows back to its inputs. */
  note(value: PlainValue, forward: () => void, back: (gradientAt: number) => void): void
  /** The address of its gradient, which is 0 when nothing has reached it yet: what flows back is added to it. */
  gradientIn(value: PlainValue): number
  /**
   * The same for a product: one that reaches the value first writes its gradient over whatever was there. `isFirst` is asked
   * in each repetition.
   */
  gradientOver(value: PlainValue): { readonly at: number; isFirst(): boolean }
}

/** Thrown by an operation that only an engine supports. */
export class NotPlain extends Error {}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function numbersIn(tensors: Tensors): number {
  return [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}
