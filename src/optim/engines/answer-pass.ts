/**
 * The network forward and backward for a task that learns from texts: its outputs are log-probabilities of tokens, so the
 * vocabulary lies between the network and the loss. It is frozen, and its gradient is known in the forward pass.
 *
 * Rows that are compared are also answered by the base: the same network without the adapter, from the same latents. Nothing
 * trains it, so its answer is computed once and kept as long as the latent is.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { methodOf, sitesOf } from '../../adapters/adapter.ts'
import { cutOf } from '../../adapters/target-modules.ts'
import type { Adaptation, Latent, LatentSequence } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { tfjsOps } from '../../nn/tfjs/ops.ts'
import type { TensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { unadapted } from '../../nn/head-input.ts'
import { tokenLogs, type TokenLogs, divergences } from '../../nn/tfjs/vocabulary.ts'
import { openVocabulary } from '../../nn/compiled/vocabulary.ts'
import { invariant } from '../../platform/errors.ts'
import { answerOutputs } from '../../nn/answer-outputs.ts'
import { openCompiledNetwork, type CompiledNetwork, type Compiling } from './compiled-network.ts'
import {
  presentOf,
  tensorAt,
  type TensorsByName,
  type Pass,
  type PassInput,
  type PassParts,
} from './eager-pass.ts'
import { padded } from './batch.ts'

export function openAnswerPass(parts: PassParts, compiling?: Compiling): Pass {
  const { tf } = parts
  const network = openAnswerNetwork(parts, compiling)
  const references = new WeakMap<readonly LatentSequence[], Float32Array>()
  /** log ρ of a row. By itself, so that its bits do not depend on the rows that it is first asked for with (law 2). */
  const referenceOf: ReferenceOf = (latent) => {
    const { sequences = [] } = latent
    const kept = references.get(sequences)
    if (kept !== undefined) return kept
    const rows = answerRows([latent])
    const { logs } = network.logs(network.hidden(rows), rows)
    references.set(sequences, logs)
    return logs
  }
  return {
    outputs(latents, parameters) {
      const rows = answerRows(latents)
      const { logs } = network.logs(network.hidden(rows, parameters), rows)
      return rowOutputs(latents, logs, referenceOf)
    },
    gradients(input, gradientOf) {
      const { latents } = input
      const rows = answerRows(latents)
      return network.gradients(rows, input, (h) => {
        const { logs, slopes } = network.logs(h, rows, { withSlopes: true })
        const gradient = gradientOf(rowOutputs(latents, logs, referenceOf))
        const by = tf.tensor(tokenGradient(latents, gradient), [logs.length, 1])
        return tf.mul<tfc.Tensor2D>(tensorAt(slopes ? [slopes] : [], 0), by)
      })
    },
    divergences(latents, parameters) {
      const rows = answerRows(latents)
      const own = network.hidden(rows, parameters)
      return divergencesOf(parts, latents, own, network.hidden(rows))
    },
    close: () => {
      network.close()
    },
  }
}

/**
 * Hidden states at the answers' tokens, gradients from theirs, and the probabilities that these states give to the tokens:
 * kernel by kernel, which is the reference, or compiled. Called inside a tidy.
 */
interface AnswerNetwork {
  /** h [answer tokens, width]; without parameters, of the base. */
  hidden(rows: AnswerRows, parameters?: TensorsByName): tfc.Tensor2D
  /** `slopeOf` answers ∂L/∂h. Answers ∂L of each of the input's names. */
  gradients(
    rows: AnswerRows,
    input: PassInput,
    slopeOf: (h: tfc.Tensor2D) => tfc.Tensor2D,
  ): readonly Float32Array[]
  /** log π of the rows' tokens. */
  logs(h: tfc.Tensor2D, rows: AnswerRows, options?: { readonly withSlopes?: boolean }): TokenLogs
  close(): void
}

function openAnswerNetwork(parts: PassParts, compiling?: Compiling): AnswerNetwork {
  const compiled = compiling && openCompiledNetwork(parts, compiling)
  return compiled === undefined ? eagerNetwork(parts) : compiledNetwork(parts, compiled)
}

function compiledNetwork(parts: PassParts, network: CompiledNetwork): AnswerNetwork {
  const sizes = [vocabularyOf(parts).size, parts.base.network.width] as const
  const vocabulary = openVocabulary(parts.tf, sizes)
  return {
    hidden: (rows, parameters) => network.answer(rows, parameters) as tfc.Tensor2D,
    gradients: (rows, input, slopeOf) =>
      network.gradients(rows, input, (h) => slopeOf(h as tfc.Tensor2D)),
    logs: (h, { tokens }, options) => vocabulary.tokenLogs(h, tokens, wordsOf(parts), options),
    close: () => {
      vocabulary.close()
      network.close()
    },
  }
}

function vocabularyOf({ base }: PassParts) {
  const { vocabulary } = base.network
  invariant(vocabulary !== undefined, 'a task of texts is on a language model')
  return vocabulary
}

function eagerNetwork(parts: PassParts): AnswerNetwork {
  const { tf, baseTensors } = parts
  const adapted = (rows: AnswerRows, ops: Ops<tfc.Tensor>) =>
    forward(parts, rows, ops, methodOf(parts).adaptation(ops, sitesOf(parts), false))
  return {
    hidden(rows, parameters) {
      const ops = tfjsOps(tf, baseTensors, parameters ?? new Map())
      return parameters === undefined ? forward(parts, rows, ops, unadapted()) : adapted(rows, ops)
    },
    gradients(rows, { parameters, names, dropout }, slopeOf) {
      const loss = (...values: tfc.Tensor[]) => {
        const moved = names.map((name, at) => [name, tensorAt(values, at)] as const)
        const ops = tfjsOps(tf, baseTensors, new Map([...parameters, ...moved]), dropout)
        return tf.customGrad<tfc.Scalar>((...inputs) => {
          const [h, save] = inputs as [tfc.Tensor2D, tfc.GradSaveFunc]
          save([slopeOf(h)])
          return { value: tf.scalar(0), gradFunc: (_dy, saved) => tensorAt(saved, 0) }
        })(adapted(rows, ops))
      }
      const { grads } = tf.valueAndGrads(loss)(names.map((name) => presentOf(parameters, name)))
      return grads.map((gradient) => gradient.dataSync<'float32'>())
    },
    logs: (h, { tokens }, options) => tokenLogs(tf, { h, tokens, E: wordsOf(parts) }, options),
    close() {
      // Nothing is kept between calls.
    },
  }
}

function forward(
  parts: PassParts,
  rows: AnswerRows,
  ops: Ops<tfc.Tensor>,
  adaptation: Adaptation<tfc.Tensor>,
): tfc.Tensor2D {
  const { tf, base, config } = parts
  const hidden = tf.tensor(rows.hidden.data, [...rows.hidden.shape])
  const mask = tf.tensor(rows.mask.data, [...rows.mask.shape])
  const cut = cutOf(config.tail_layers, base.network.layers)
  return behindAnswers(tf, base.network.tail(ops, hidden, mask, cut, adaptation), rows)
}

/**
 * Rows of texts side by side for the network, with the beginning that the texts of a row share computed once, and the way from the
 * hidden states behind their answers to the outputs that the task learns from, and back. The mask numbers what each text has of its own.
 */
interface AnswerRows extends ReturnType<typeof padded> {
  /** The places, among all rows × positions, that predict a token of an answer; one may predict a token of several. */
  readonly places: Int32Array
  /** The tokens that they predict. */
  readonly tokens: Int32Array
}

function answerRows(latents: readonly Latent[]): AnswerRows {
  const input = padded(latents)
  const [, length = 0] = input.mask.shape
  const places: number[] = []
  const tokens: number[] = []
  for (const [row, { sequences, shared = 0 }] of latents.entries()) {
    invariant(sequences !== undefined, 'a row without sequences has no answers')
    const first = row * length
    let own = first + shared
    for (const [number, { from, positions, answer }] of sequences.entries()) {
      for (const [at, token] of answer.entries()) {
        const position = from + at
        places.push(position < shared ? first + position : own + position - shared)
        tokens.push(token)
      }
      const end = own + positions - shared
      input.mask.data.fill(number + 2, own, end)
      own = end
    }
  }
  return { ...input, places: Int32Array.from(places), tokens: Int32Array.from(tokens) }
}

/** hidden [sequences, positions, width] → [answer tokens, width]. */
function behindAnswers(tf: TensorFlow, hidden: tfc.Tensor, { places }: AnswerRows): tfc.Tensor2D {
  const width = hidden.shape.at(-1) ?? 0
  return tf.gather(tf.reshape<tfc.Rank.R2>(hidden, [-1, width]), places)
}

/** E [size, width]. */
function wordsOf(parts: PassParts): tfc.Tensor2D {
  return presentOf(parts.baseTensors, vocabularyOf(parts).weight) as tfc.Tensor2D
}

/** KL of the adapter's next token to the base's, behind each token of the answers; of each row the mean. */
function divergencesOf(
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

type ReferenceOf = (latent: Latent) => Float32Array

/** Outputs of each row, with log ρ where it is compared. */
function rowOutputs(
  latents: readonly Latent[],
  logs: Float32Array,
  referenceOf: ReferenceOf,
): readonly Float32Array[] {
  let at = 0
  return latents.map((latent) => {
    const lengths = lengthsOf(latent)
    const own = logs.subarray(at, (at += sum(lengths)))
    if (latent.isCompared !== true) return answerOutputs(lengths, own)
    const both = new Float32Array(2 * own.length)
    both.set(own)
    both.set(referenceOf(latent), own.length)
    return answerOutputs(lengths, both)
  })
}

/** The gradient of the tokens, from a gradient of the outputs, row after row. */
function tokenGradient(latents: readonly Latent[], gradient: Float32Array): Float32Array {
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
