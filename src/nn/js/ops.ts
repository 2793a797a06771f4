/**
 * Ops in plain JavaScript, for networks so small that calling an engine costs more than computing: a TensorFlow kernel
 * takes 10–20 µs to start, a whole step of a linear model on twenty numbers less. Each operation records its backward
 * function, and `backward` walks the records in reverse: automatic differentiation on a tape.
 *
 * Wengert (1964), "A simple automatic derivative evaluation program", CACM 7(8).
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'
import type { Dropout } from '../dropout.ts'
import { lastAxis } from './columns.ts'
import { elementwise } from './elementwise.ts'
import { matMul, transpose } from './products.ts'
import { NotPlain, type Note, type PlainValue } from './value.ts'

type Named = Pick<ReadonlyMap<string, Tensor>, 'get'>

export interface PlainTape {
  readonly ops: Ops<PlainValue>
  /** From the gradient of `output` to the gradients of everything it depends on. */
  backward(output: PlainValue, gradient: Float32Array): void
  /** Undefined if no gradient reached it. */
  gradientOf(param: string): Float32Array | undefined
}

/** `nonTrainable` parameters have no gradient; `dropout` is the mask of a training step. */
export function openTape(
  weights: Named,
  params: Named,
  nonTrainable: ReadonlySet<string> = new Set(),
  dropout?: Dropout,
): PlainTape {
  const notes: (() => void)[] = []
  const asked = new Map<string, PlainValue>()
  const note: Note = (value, back) => {
    if (value.fixed) return
    notes.push(() => {
      if (value.gradient !== undefined) back(value.gradient)
    })
  }
  const rules = elementwise(note)
  return {
    ops: {
      ...refusing(),
      weight: (name) => valueOf(weights, name, true),
      param(name) {
        const value = asked.get(name) ?? valueOf(params, name, nonTrainable.has(name))
        asked.set(name, value)
        return value
      },
      scalar: (value) => ({ shape: [], data: Float32Array.of(value), fixed: true }),
      matMul: (x, w) => matMul(x, w, note),
      transpose: (w) => transpose(w, note),
      ...rules,
      dropout(x, rate, place) {
        if (dropout === undefined) return x
        const data = dropout(x.data.length, rate, place)
        return rules.mul(x, { shape: x.shape, data, fixed: true })
      },
      ...lastAxis(note),
    },
    backward(output, gradient) {
      output.gradient = gradient
      for (const back of notes.reverse()) back()
    },
    gradientOf: (param) => asked.get(param)?.gradient,
  }
}

function valueOf(named: Named, name: string, fixed: boolean): PlainValue {
  const tensor = named.get(name)
  invariant(tensor, `the network reads ${name}, which does not exist`)
  return { shape: tensor.shape, data: tensor.data, fixed }
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
