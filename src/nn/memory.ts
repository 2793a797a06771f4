/**
 * Stored examples that vote along with the head: attention over slots; the first slot is the head's own. The head alone
 * answers an input unlike any stored example; an input like one gets that example's corrected answer.
 *
 *   a = softmax(x·K + b)      p = (a·h)·softmax(z) + a·V      z′ = log p
 *
 * x is the base's own embedding, or the mean of its trunk's output, of unit length, which training never changes; z are the head's logits, over the classes
 * that are not retired. With s the sharpness, t the threshold and w the weight, the slot of an example has the key
 * s·x_i, b = 0, h = 1 − w, and votes w for its class; the head's has the key 0, b = s·t, h = 1. So an example with
 * cosine t has the same weight as the head. Empty slots have no weight.
 *
 * Khandelwal et al. (2020), "Generalization through memorization: nearest neighbor language models", ICLR; there the
 * share of the head is fixed.
 */
import { embeddingOf, unadapted } from './head-input.ts'
import type { Base } from '../contracts/base.ts'
import type { Ops, ParameterSpec } from '../contracts/ops.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { MemoryItem, MemoryVoice } from '../contracts/policy.ts'
import type { Head } from '../contracts/example.ts'
import type { Classes } from '../contracts/task.ts'

export interface MemoryPlan {
  /** The published base, whatever view the method has of it, up to where inputs are compared (`comparedBase`). */
  readonly base: Base
  readonly slots: number
  /** Its examples are one of several experts (mixture.ts). */
  readonly mixture?: true | undefined
  /** Room for the leaves of its forest; absent in a version of an earlier release. */
  readonly leaves?: number | undefined
  /** Its base ends at the cut. */
  readonly isAtCut?: true | undefined
  /** Its examples are texts (lessons.ts), in so many numbers: nothing votes. */
  readonly texts?: number | undefined
}

/** A score that leaves no share. */
export const NEVER = -1e9
/** Capacity grows in steps, so that one more example seldom changes a shape, and models can share a run. */
const SLOT_STEP = 32
/** log is not computed below it. */
export const LEAST = 1e-30

export function memorySpecs(
  { base, slots }: MemoryPlan,
  outputs: number,
): readonly ParameterSpec[] {
  const spec = (name: string, shape: readonly number[]): ParameterSpec => ({
    name,
    shape,
    start: 'zeros',
  })
  return [
    spec('memory.keys', [base.network.width, slots]),
    spec('memory.bias', [slots]),
    spec('memory.head', [slots, 1]),
    spec('votes.labels', [slots, outputs]),
    spec('votes.among', [outputs]),
  ]
}

export function isOfMemory(name: string): boolean {
  return name.startsWith('memory.') || name.startsWith('votes.')
}

export function slotsFor(items: number): number {
  return Math.ceil((items + 1) / SLOT_STEP) * SLOT_STEP
}

/** An item without a column in the head does not vote. */
export function memoryTensors(
  items: readonly MemoryItem[],
  { weight, threshold, sharpness }: MemoryVoice,
  { width, classes, head, outputs }: VoteParts,
): Tensors {
  const slots = slotsFor(items.length)
  const keys = empty(width, slots)
  const bias = { shape: [slots], data: new Float32Array(slots).fill(NEVER) }
  const share = empty(slots, 1)
  const votes = empty(slots, outputs)
  bias.data[0] = sharpness * threshold
  share.data[0] = 1
  for (const [at, { vote, vector }] of items.entries()) {
    const [slot, column] = [at + 1, classes.voted(vote, head)]
    if (column === undefined) continue
    for (const [row, value] of vector.entries()) keys.data[row * slots + slot] = sharpness * value
    bias.data[slot] = 0
    share.data[slot] = 1 - weight
    votes.data[slot * outputs + column] = weight
  }
  const among = new Float32Array(outputs)
  for (const column of classes.answering(head)) among[column] = 1
  return new Map<string, Tensor>([
    ['memory.keys', keys],
    ['memory.bias', bias],
    ['memory.head', share],
    ['votes.labels', votes],
    ['votes.among', { shape: [outputs], data: among }],
  ])
}

export interface VoteParts {
  /** The width of an embedding. */
  readonly width: number
  readonly classes: Classes
  readonly head: Head
  readonly outputs: number
}

/** logits [b, 1, k] of the head and the base's embedding [b, 1, width] → the combined logits. */
export function withMemory<T>(ops: Ops<T>, logits: T, embedding: T): T {
  const scores = ops.add(ops.matMul(embedding, ops.param('memory.keys')), ops.param('memory.bias'))
  const attention = ops.softmax(scores)
  const barred = ops.mul(ops.sub(ops.param('votes.among'), ops.scalar(1)), ops.scalar(-NEVER))
  const shares = ops.softmax(ops.add(logits, barred))
  const ofHead = ops.mul(ops.matMul(attention, ops.param('memory.head')), shares)
  const mixed = ops.add(ofHead, ops.matMul(attention, ops.param('votes.labels')))
  return ops.log(ops.maximum(mixed, ops.scalar(LEAST)))
}

/**
 * The base up to where inputs are compared: all of it, or the layers below the cut, under any that an adapter changes, so that an
 * answer needs no second pass of those above. A view of a frozen embedding has none.
 */
export function comparedBase(base: Base, cut: number, isAtCut = false): Base {
  if (!isAtCut || base.trunk !== undefined) return base
  const { longest: _, ...network } = base.network
  return {
    ...base,
    network: {
      ...network,
      ...{ width: network.latentWidth(cut), unit: false },
      tail: (_ops, hidden) => hidden,
      pool: (ops, hidden, mask) => ops.maskedMean(hidden, mask),
    },
  }
}

/** The vector compared with the slots: hidden [b, s, width] at the cut → [b, 1, width], of length 1. */
export function memoryEmbedding<T>(
  ops: Ops<T>,
  { base, cut }: { readonly base: Base; readonly cut: number },
  hidden: T,
  mask: T,
): T {
  const { network } = base
  const plain = unadapted<T>()
  const embedding = embeddingOf(ops, network, { hidden, mask, cut, adaptation: plain })
  return network.unit ? embedding : ops.unit(embedding)
}

function empty(rows: number, columns: number): Tensor {
  return { shape: [rows, columns], data: new Float32Array(rows * columns) }
}
