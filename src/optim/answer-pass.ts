/**
 * The network forward and backward for a task that learns from texts: its outputs are log-probabilities of tokens, so the
 * vocabulary lies between the network and the loss. It is frozen, and its gradient is known in the forward pass.
 *
 * Rows that are compared are also answered by the base: the same network without the adapter, from the same latents.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Latent } from '../contracts/network.ts'
import { openAnswerNetwork } from './answer-network.ts'
import { answerRows, divergencesOf, rowOutputs, tokenGradient } from './answer-rows.ts'
import type { Compiling } from './compiled-network.ts'
import { tensorAt, type Pass, type PassParts } from './eager-pass.ts'

export function openAnswerPass(parts: PassParts, compiling?: Compiling): Pass {
  const { tf } = parts
  const network = openAnswerNetwork(parts, compiling)
  /** log ρ of the rows that are compared. */
  const reference = (latents: readonly Latent[]): Float32Array => {
    const compared = latents.filter(({ isCompared }) => isCompared === true)
    if (compared.length === 0) return new Float32Array()
    const rows = answerRows(compared)
    return network.logs(network.hidden(rows), rows).logs
  }
  return {
    outputs(latents, parameters) {
      const rows = answerRows(latents)
      const { logs } = network.logs(network.hidden(rows, parameters), rows)
      return rowOutputs(latents, logs, reference(latents))
    },
    gradients(input, gradientOf) {
      const { latents } = input
      const rows = answerRows(latents)
      return network.gradients(rows, input, (h) => {
        const { logs, slopes } = network.logs(h, rows, { withSlopes: true })
        const gradient = gradientOf(rowOutputs(latents, logs, reference(latents)))
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
