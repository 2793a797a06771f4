/**
 * Ops without an engine, for networks so small that calling one costs more than computing: a TensorFlow kernel takes 10–20 µs to
 * start, a whole step of a linear model on twenty numbers less. Each operation notes how to compute it and how its gradient flows
 * back: automatic differentiation on a tape. A tape is recorded once for a shape and played again with other numbers.
 *
 * Wengert (1964), "A simple automatic derivative evaluation program", CACM 7(8).
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import type { Dropout } from '../dropout.ts'
import { elementwise } from './elementwise.ts'
import { openGradients, NotPlain, PlainValue, type Recorder, sizeOf } from './tape.ts'
import { matMul, transpose } from './products.ts'
import { Arena, kernels } from './wasm/memory.ts'

type TensorMap = Pick<ReadonlyMap<string, Tensor>, 'get'>

/** A parameter that lies in the memory of the kernels already: its numbers, and its gradient, which is 0 if nothing flows. */
export interface HeldTensor {
  readonly shape: readonly number[]
  /** Addresses in bytes. */
  readonly at: number
  readonly gradientAt: number
}

/** Copied into the tape when they have changed, or read where they lie. */
export type Params = Pick<ReadonlyMap<string, Tensor | HeldTensor>, 'get'>

export interface PlainTape {
  readonly ops: Ops<PlainValue>
  /** A value without a gradient. */
  input(tensor: Tensor): PlainValue
  /**
   * From the gradient of `output`, as long as it, to the gradients of everything it depends on. `isAdded`: those of held
   * parameters are added to what is there.
   */
  backward(output: PlainValue, gradient: Float32Array, isAdded?: boolean): void
  /** Undefined if no gradient reached it. It changes with the next call of `backward`. */
  gradientOf(param: string): Float32Array | undefined
  /** False once others have taken its memory: its inputs must not be written any more. */
  readonly isValid: boolean
  /** Computes every value once more, with these parameters and with what was written into the inputs. */
  again(params: Params, dropout?: Dropout): void
  /** Gives its memory back. */
  close(): void
}

/** `nonTrainable` parameters have no gradient; `dropout` is the mask of a training step. */
export function openTape(
  weights: TensorMap,
  params: Params,
  nonTrainable: ReadonlySet<string> = new Set(),
  dropout?: Dropout,
): PlainTape {
  const arena = new Arena({ isTape: true })
  const asked = new Map<string, PlainValue>()
  const forwards: (() => void)[] = []
  const gradients = openGradients(arena)
  /** The data that was copied in last. Tensors never change in place, so the same data needs no second copy. */
  const copied = new Map<string, Float32Array>()
  let mask = dropout
  const tape: Recorder = {
    arena,
    ...gradients,
    value: (shape, fixed) => new PlainValue(shape, fixed, arena.take(sizeOf(shape))),
    note(value, forward, back) {
      forward()
      forwards.push(forward)
      if (!value.fixed) gradients.backs.push({ value, back })
    },
  }
  const inputOf = ({ shape, data }: Tensor) => {
    const value = tape.value(shape, true)
    value.data.set(data)
    return value
  }
  const paramOf = (name: string) => {
    const param = paramIn(params, name)
    const isFixed = nonTrainable.has(name)
    if ('at' in param) {
      const value = new PlainValue(param.shape, isFixed, param.at)
      if (!isFixed) gradients.held.set(value, param.gradientAt)
      return value
    }
    const value = tape.value(param.shape, isFixed)
    value.data.set(param.data)
    copied.set(name, param.data)
    return value
  }
  const rules = elementwise(tape)
  return {
    ops: {
      ...refusing(),
      weight: (name) => inputOf(tensorIn(weights, name)),
      param(name) {
        const value = asked.get(name) ?? paramOf(name)
        asked.set(name, value)
        return value
      },
      scalar: (value) => inputOf({ shape: [], data: Float32Array.of(value) }),
      matMul: (x, w) => matMul(x, w, tape),
      transpose: (w) => transpose(w, tape),
      ...rules,
      dropout(x, rate, place) {
        if (mask === undefined) return x
        const drawn = tape.value(x.shape, true)
        tape.note(
          drawn,
          () => {
            if (mask !== undefined) drawn.data.set(mask(x.size, rate, place))
          },
          () => undefined,
        )
        return rules.mul(x, drawn)
      },
      ...lastAxis(tape),
    },
    input: inputOf,
    backward(output, gradient, isAdded = false) {
      invariant(arena.isOpen, CLOSED)
      gradients.backward(output, gradient, isAdded)
    },
    gradientOf: (param) => asked.get(param)?.gradient,
    get isValid() {
      return arena.isOpen
    },
    again(others, drawn) {
      invariant(arena.isOpen, CLOSED)
      arena.used()
      mask = drawn
      for (const [name, before] of copied) {
        const { data } = tensorIn(others, name)
        if (before === data) continue
        asked.get(name)?.data.set(data)
        copied.set(name, data)
      }
      for (const forward of forwards) forward()
    },
    close() {
      arena.close()
    },
  }
}

const CLOSED = 'a tape is used after its memory was given to others'

function paramIn(params: Params, name: string): Tensor | HeldTensor {
  const param = params.get(name)
  invariant(param, `the network reads ${name}, which does not exist`)
  return param
}

function tensorIn(named: Params, name: string): Tensor {
  const tensor = paramIn(named, name)
  invariant('data' in tensor, `${name} was copied, and is held now`)
  return tensor
}

/** Operations that only large networks need. */
function refusing() {
  const refuse = (name: string) => () => {
    throw new NotPlain(name)
  }
  return {
    batchMatMul: refuse('batchMatMul'),
    softmax: refuse('softmax'),
    layerNorm: refuse('layerNorm'),
    rmsNorm: refuse('rmsNorm'),
    silu: refuse('silu'),
    gelu: refuse('gelu'),
    gather: refuse('gather'),
    positions: refuse('positions'),
    splitHeads: refuse('splitHeads'),
    mergeHeads: refuse('mergeHeads'),
    attentionBias: refuse('attentionBias'),
    causalBias: refuse('causalBias'),
    causalPositions: refuse('causalPositions'),
    lastPosition: refuse('lastPosition'),
    ends: refuse('ends'),
    maskedMean: refuse('maskedMean'),
    maskedMax: refuse('maskedMax'),
    depthwise: refuse('depthwise'),
    unit: refuse('unit'),
  }
}

const { add, copy } = kernels

/** Slices and concatenates columns of the last axis. */
function lastAxis(tape: Recorder) {
  return {
    columns: (x: PlainValue, from: number, to: number) => columns(x, from, to, tape),
    concat: (parts: readonly PlainValue[]) => concat(parts, tape),
  }
}

function columns(x: PlainValue, from: number, to: number, tape: Recorder): PlainValue {
  const width = x.shape.at(-1) ?? 0
  const rows = x.size / width
  const size = to - from
  const y = tape.value([...x.shape.slice(0, -1), size], x.fixed)
  const [place, whole, part] = [4 * from, 4 * width, 4 * size]
  tape.note(
    y,
    () => {
      copy(y.at, x.at + place, 0, rows, size, part, whole, 0)
    },
    (dy) => {
      const to = tape.gradientIn(x) + place
      add(to, to, dy, rows, size, whole, whole, part)
    },
  )
  return y
}

function concat(parts: readonly PlainValue[], tape: Recorder): PlainValue {
  const sizes = parts.map(({ shape }) => shape.at(-1) ?? 0)
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const rows = (parts[0]?.size ?? 0) / (sizes[0] ?? 1)
  const leading = parts[0]?.shape.slice(0, -1) ?? []
  const y = tape.value(
    [...leading, width],
    parts.every((part) => part.fixed),
  )
  const whole = 4 * width
  let from = 0
  const placed = parts.map((part, index) => {
    const size = sizes[index] ?? 0
    from += size
    return { part, size, own: 4 * size, place: 4 * (from - size) }
  })
  tape.note(
    y,
    () => {
      for (const { part, size, own, place } of placed)
        copy(y.at + place, part.at, 0, rows, size, whole, own, 0)
    },
    (dy) => {
      for (const { part, size, own, place } of placed) {
        if (part.fixed) continue
        const to = tape.gradientIn(part)
        add(to, to, dy + place, rows, size, own, own, whole)
      }
    },
  )
  return y
}
