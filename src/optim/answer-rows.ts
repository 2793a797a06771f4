/**
 * Rows of texts side by side for the network, each sequence a row of its own, and the way from the hidden states behind their
 * answers to the outputs that the task learns from, and back.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Latent } from '../contracts/network.ts'
import { answerOutputs } from '../nn/answer-outputs.ts'
import { sequencesOf } from '../nn/sequences.ts'
import { divergences } from '../nn/tfjs/vocabulary.ts'
import { invariant } from '../platform/errors.ts'
import { padded } from './batch-input.ts'
import { presentOf, type PassParts } from './eager-pass.ts'

export interface AnswerRows extends ReturnType<typeof padded> {
  /** The places, among all sequences × positions, that predict a token of an answer. */
  readonly places: Int32Array
  /** The tokens that they predict. */
  readonly tokens: Int32Array
}

export function answerRows(latents: readonly Latent[]): AnswerRows {
  const sequences = sequencesOf(latents)
  const input = padded(sequences)
  const [, length = 0] = input.mask.shape
  const places: number[] = []
  const tokens: number[] = []
  for (const [row, { from, answer }] of sequences.entries())
    for (const [at, token] of answer.entries()) {
      places.push(row * length + from + at)
      tokens.push(token)
    }
  return { ...input, places: Int32Array.from(places), tokens: Int32Array.from(tokens) }
}

/** hidden [sequences, positions, width] → [answer tokens, width]. */
export function behindAnswers(
  { tf }: Pick<PassParts, 'tf'>,
  hidden: tfc.Tensor,
  { places }: AnswerRows,
): tfc.Tensor2D {
  const width = hidden.shape.at(-1) ?? 0
  return tf.gather(tf.reshape<tfc.Rank.R2>(hidden, [-1, width]), places)
}

/** E [size, width]. */
export function wordsOf({ base, baseTensors }: PassParts): tfc.Tensor2D {
  const { vocabulary } = base.network
  invariant(vocabulary !== undefined, 'a task of texts is on a language model')
  return presentOf(baseTensors, vocabulary.weight) as tfc.Tensor2D
}

/** KL of the adapter's next token to the base's, behind each token of the answers; of each row the mean. */
export function divergencesOf(
  parts: PassParts,
  latents: readonly Latent[],
  h: tfc.Tensor2D,
  other: tfc.Tensor2D,
): readonly number[] {
  const all = divergences(parts.tf, { h, other, E: wordsOf(parts) })
  let at = 0
  return latents.map((latent) => {
    const count = sum(lengthsOf(latent))
    at += count
    return sum([...all.subarray(at - count, at)]) / Math.max(1, count)
  })
}

/** Outputs of each row. `reference`: log ρ of the rows that are compared, in their order. */
export function rowOutputs(
  latents: readonly Latent[],
  logs: Float32Array,
  reference: Float32Array,
): readonly Float32Array[] {
  let [at, compared] = [0, 0]
  return latents.map((latent) => {
    const lengths = lengthsOf(latent)
    const count = sum(lengths)
    const own = logs.subarray(at, at + count)
    at += count
    if (latent.isCompared !== true) return answerOutputs(lengths, own)
    const both = new Float32Array(2 * count)
    both.set(own)
    both.set(reference.subarray(compared, compared + count), count)
    compared += count
    return answerOutputs(lengths, both)
  })
}

/** The gradient of the tokens, from a gradient of the outputs, row after row. */
export function tokenGradient(latents: readonly Latent[], gradient: Float32Array): Float32Array {
  const counts = latents.map((latent) => sum(lengthsOf(latent)))
  const tokens = new Float32Array(sum(counts))
  let [from, at] = [0, 0]
  for (const [row, latent] of latents.entries()) {
    const count = counts[row] ?? 0
    from += 1 + lengthsOf(latent).length
    tokens.set(gradient.subarray(from, from + count), at)
    from += latent.isCompared === true ? 2 * count : count
    at += count
  }
  return tokens
}

function lengthsOf({ sequences = [] }: Latent): readonly number[] {
  return sequences.map(({ answer }) => answer.length)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
