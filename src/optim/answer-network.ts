/**
 * The network as a task of texts needs it: hidden states at the answers' tokens, gradients from theirs, and the
 * probabilities that these states give to the tokens. Kernel by kernel, which is the reference, or compiled.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { methodOf, sitesOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import type { Adaptation } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import { tfjsOps } from '../nn/tfjs/ops.ts'
import { unadapted } from '../nn/unadapted.ts'
import { tokenLogs, type TokenLogs } from '../nn/tfjs/vocabulary.ts'
import { openVocabulary } from '../nn/compiled/vocabulary.ts'
import { invariant } from '../platform/errors.ts'
import { behindAnswers, wordsOf, type AnswerRows } from './answer-rows.ts'
import { openCompiledNetwork, type CompiledNetwork, type Compiling } from './compiled-network.ts'
import {
  presentOf,
  tensorAt,
  type TensorsByName,
  type PassInput,
  type PassParts,
} from './eager-pass.ts'

/** Called inside a tidy. */
export interface AnswerNetwork {
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

export function openAnswerNetwork(parts: PassParts, compiling?: Compiling): AnswerNetwork {
  const compiled = compiling && openCompiledNetwork(parts, compiling)
  return compiled === undefined ? eagerNetwork(parts) : compiledNetwork(parts, compiled)
}

function compiledNetwork(parts: PassParts, network: CompiledNetwork): AnswerNetwork {
  const vocabulary = openVocabulary(parts.tf, sizesOf(parts))
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

function sizesOf({ base }: PassParts): readonly [number, number] {
  const { vocabulary, width } = base.network
  invariant(vocabulary !== undefined, 'a task of texts is on a language model')
  return [vocabulary.size, width]
}

function eagerNetwork(parts: PassParts): AnswerNetwork {
  const { tf, baseTensors } = parts
  const adapted: Adapting = (ops) => methodOf(parts).adaptation(ops, sitesOf(parts), false)
  return {
    hidden(rows, parameters) {
      const ops = tfjsOps(tf, baseTensors, parameters ?? new Map())
      return forward(parts, rows, ops, parameters === undefined ? unadapted : adapted)
    },
    gradients(rows, { parameters, names, dropout }, slopeOf) {
      const loss = (...values: tfc.Tensor[]) => {
        const moved = names.map((name, at) => [name, tensorAt(values, at)] as const)
        const ops = tfjsOps(tf, baseTensors, new Map([...parameters, ...moved]), dropout)
        return tf.customGrad<tfc.Scalar>((...inputs) => {
          const [h, save] = inputs as [tfc.Tensor2D, tfc.GradSaveFunc]
          save([slopeOf(h)])
          return { value: tf.scalar(0), gradFunc: (_dy, saved) => tensorAt(saved, 0) }
        })(forward(parts, rows, ops, adapted))
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

type Adapting = (ops: Ops<tfc.Tensor>) => Adaptation<tfc.Tensor>

function forward(
  parts: PassParts,
  rows: AnswerRows,
  ops: Ops<tfc.Tensor>,
  adapting: Adapting,
): tfc.Tensor2D {
  const { tf, base, config } = parts
  const hidden = tf.tensor(rows.hidden.data, [...rows.hidden.shape])
  const mask = tf.tensor(rows.mask.data, [...rows.mask.shape])
  const cut = cutOf(config.tail_layers, base.network.layers)
  return behindAnswers(parts, base.network.tail(ops, hidden, mask, cut, adapting(ops)), rows)
}
