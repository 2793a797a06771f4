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
import { lastAxis } from './columns.ts'
import { elementwise } from './elementwise.ts'
import { matMul, transpose } from './products.ts'
import { NotPlain, type Note, PlainValue, gradientIn } from './value.ts'
import { beginTape, checkValid, end, isValid, kernels } from './wasm/memory.ts'

type Named = Pick<ReadonlyMap<string, Tensor>, 'get'>

export interface PlainTape {
  readonly ops: Ops<PlainValue>
  /** A value without a gradient. */
  input(tensor: Tensor): PlainValue
  /** From the gradient of `output`, as long as it, to the gradients of everything it depends on. */
  backward(output: PlainValue, gradient: Float32Array): void
  /** Undefined if no gradient reached it. It changes with the next call of `backward`. */
  gradientOf(param: string): Float32Array | undefined
  /** False once others have taken its memory: its inputs must not be written any more. */
  readonly isValid: boolean
  /** Computes every value once more, with these parameters and with what was written into the inputs. */
  again(params: Named, dropout?: Dropout): void
}

/** `nonTrainable` parameters have no gradient; `dropout` is the mask of a training step. */
export function openTape(
  weights: Named,
  params: Named,
  nonTrainable: ReadonlySet<string> = new Set(),
  dropout?: Dropout,
): PlainTape {
  const begun = beginTape()
  const asked = new Map<string, PlainValue>()
  const forwards: (() => void)[] = []
  const backs: { readonly value: PlainValue; readonly back: (gradientAt: number) => void }[] = []
  const backward = openBackward(backs)
  /** What was copied in last: tensors never change in place. */
  const copied = new Map<string, Float32Array>()
  let mask = dropout
  const note: Note = (value, forward, back) => {
    forward()
    forwards.push(forward)
    if (!value.fixed) backs.push({ value, back })
  }
  const rules = elementwise(note)
  return {
    ops: {
      ...refusing(),
      weight: (name) => inputOf(tensorIn(weights, name), true),
      param(name) {
        const known = asked.get(name)
        if (known !== undefined) return known
        const tensor = tensorIn(params, name)
        const value = inputOf(tensor, nonTrainable.has(name))
        asked.set(name, value)
        copied.set(name, tensor.data)
        return value
      },
      scalar: (value) => inputOf({ shape: [], data: Float32Array.of(value) }, true),
      matMul: (x, w) => matMul(x, w, note),
      transpose: (w) => transpose(w, note),
      ...rules,
      dropout(x, rate, place) {
        if (mask === undefined) return x
        const drawn = new PlainValue(x.shape, true)
        note(
          drawn,
          () => {
            if (mask !== undefined) drawn.data.set(mask(x.size, rate, place))
          },
          () => undefined,
        )
        return rules.mul(x, drawn)
      },
      ...lastAxis(note),
    },
    input: (tensor) => inputOf(tensor, true),
    backward(output, gradient) {
      checkValid(begun)
      backward(output, gradient)
    },
    gradientOf: (param) => asked.get(param)?.gradient,
    get isValid() {
      return isValid(begun)
    },
    again(others, drawn) {
      checkValid(begun)
      mask = drawn
      for (const [name, value] of asked) {
        const { data } = tensorIn(others, name)
        if (copied.get(name) === data) continue
        value.data.set(data)
        copied.set(name, data)
      }
      for (const forward of forwards) forward()
    },
  }
}

/** The first call finds out which values a gradient reaches; they stay the same. */
function openBackward(
  backs: readonly { readonly value: PlainValue; readonly back: (gradientAt: number) => void }[],
) {
  let from = 0
  let bytes = 0
  let reached: (() => void)[] | undefined
  return (output: PlainValue, gradient: Float32Array) => {
    if (reached !== undefined) {
      kernels.zero(from, bytes)
      output.gradient?.set(gradient)
      for (const flow of reached) flow()
      return
    }
    from = end()
    gradientIn(output)
    output.gradient?.set(gradient)
    reached = []
    for (const { value, back } of backs.toReversed()) {
      const { gradientAt } = value
      if (gradientAt === undefined) continue
      back(gradientAt)
      reached.push(() => {
        back(gradientAt)
      })
    }
    bytes = end() - from
  }
}

function inputOf({ shape, data }: Tensor, fixed: boolean): PlainValue {
  const value = new PlainValue(shape, fixed)
  value.data.set(data)
  return value
}

function tensorIn(named: Named, name: string): Tensor {
  const tensor = named.get(name)
  invariant(tensor, `the network reads ${name}, which does not exist`)
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
    lastPosition: refuse('lastPosition'),
    ends: refuse('ends'),
    maskedMean: refuse('maskedMean'),
    unit: refuse('unit'),
  }
}
