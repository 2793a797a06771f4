/**
 * The network forward and backward for a task that learns from texts: its outputs are log-probabilities of tokens, so the
 * vocabulary lies between the network and the loss. It is frozen, and its gradient is known in the forward pass.
 *
 * Rows that are compared are also answered by the base: the same network without the adapter, from the same latents.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { methodOf, sitesOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import type { Adaptation, Latent, Ops } from '../contracts/network.ts'
import { tfjsOps } from '../nn/tfjs/ops.ts'
import { unadapted } from '../nn/unadapted.ts'
import {
  answerRows,
  behindAnswers,
  divergencesOf,
  logsOf,
  rowOutputs,
  tokenGradient,
  type AnswerRows,
} from './answer-rows.ts'
import { presentOf, tensorAt, type GradientOf, type Pass, type PassParts } from './eager-pass.ts'

export function answerPass(parts: PassParts): Pass {
  const { tf, baseTensors } = parts
  const adapted: Adapting = (ops) => methodOf(parts).adaptation(ops, sitesOf(parts), false)
  return {
    outputs(latents, parameters) {
      const rows = answerRows(latents)
      const h = forward(parts, rows, tfjsOps(tf, baseTensors, parameters), adapted)
      return rowOutputs(latents, logsOf(parts, h, rows).logs, referenceOf(parts, latents))
    },
    gradients({ latents, parameters, names, dropout }, gradientOf) {
      const rows = answerRows(latents)
      const loss = (...values: tfc.Tensor[]) => {
        const moved = names.map((name, at) => [name, tensorAt(values, at)] as const)
        const ops = tfjsOps(tf, baseTensors, new Map([...parameters, ...moved]), dropout)
        const h = forward(parts, rows, ops, adapted)
        return tf.customGrad<tfc.Scalar>((...inputs) => {
          const [h, save] = inputs as [tfc.Tensor2D, tfc.GradSaveFunc]
          save([slopeOf(parts, { latents, rows, h }, gradientOf)])
          return { value: tf.scalar(0), gradFunc: (_dy, saved) => tensorAt(saved, 0) }
        })(h)
      }
      const learning = names.map((name) => presentOf(parameters, name))
      const { grads } = tf.valueAndGrads(loss)(learning)
      return grads.map((gradient) => gradient.dataSync<'float32'>())
    },
    divergences(latents, parameters) {
      const rows = answerRows(latents)
      const h = forward(parts, rows, tfjsOps(tf, baseTensors, parameters), adapted)
      const other = forward(parts, rows, tfjsOps(tf, baseTensors, new Map()), unadapted)
      return divergencesOf(parts, latents, h, other)
    },
    close() {
      // Nothing is kept between calls.
    },
  }
}

type Adapting = (ops: Ops<tfc.Tensor>) => Adaptation<tfc.Tensor>

/** ∂L/∂h, [answer tokens, width]. */
export function slopeOf(
  parts: PassParts,
  batch: {
    readonly latents: readonly Latent[]
    readonly rows: AnswerRows
    readonly h: tfc.Tensor2D
  },
  gradientOf: GradientOf,
): tfc.Tensor2D {
  const { tf } = parts
  const { latents, rows, h } = batch
  const { logs, slopes } = logsOf(parts, h, rows, { withSlopes: true })
  const gradient = gradientOf(rowOutputs(latents, logs, referenceOf(parts, latents)))
  const by = tf.tensor(tokenGradient(latents, gradient), [logs.length, 1])
  return tf.mul<tfc.Tensor2D>(tensorAt(slopes ? [slopes] : [], 0), by)
}

/** log ρ of the rows that are compared. */
export function referenceOf(parts: PassParts, latents: readonly Latent[]): Float32Array {
  const compared = latents.filter(({ isCompared }) => isCompared === true)
  return compared.length === 0 ? new Float32Array() : logsOfBase(parts, compared)
}

/** log ρ of every answer token of these rows. */
export function logsOfBase(parts: PassParts, latents: readonly Latent[]): Float32Array {
  const { tf, baseTensors } = parts
  const rows = answerRows(latents)
  const h = forward(parts, rows, tfjsOps(tf, baseTensors, new Map()), unadapted)
  return logsOf(parts, h, rows).logs
}

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
