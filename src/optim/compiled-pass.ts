/**
 * The network forward and backward as two calls of a compiled graph, with the loss between them in plain JavaScript, so that
 * every task and policy learns in the same way on either engine. Equal to the eager pass up to rounding.
 *
 * Whether a plan can be compiled, and whether its rows are packed, depends on the plan alone and is found out when it is opened:
 * the steps of one configuration are all compiled or all eager, so a restart changes no bit (law 2). They are eager as well where no
 * folder can be written, which is a fault of the machine and said aloud.
 */
import { packed, padded } from './batch-input.ts'
import { openCompiledNetwork, type Compiling } from './compiled-network.ts'
import { isPacked, rowsOf, type Pass, type PassParts } from './eager-pass.ts'
import { packedGroups } from './length-groups.ts'

/** Undefined if the plan uses something that the compiled engine does not have. */
export function openCompiledPass(parts: PassParts, compiling: Compiling): Pass | undefined {
  const packs = isPacked(parts)
  const network = openCompiledNetwork(parts, compiling, packs)
  const batchOf = packs ? packed : padded
  return (
    network && {
      ...(packs && { groupsOf: packedGroups }),
      outputs: (latents, parameters) => rowsOf(network.answer(batchOf(latents), parameters)),
      gradients: (input, gradientOf) =>
        network.gradients(batchOf(input.latents), input, (outputs) =>
          parts.tf.tensor(gradientOf(rowsOf(outputs)), outputs.shape),
        ),
      close: () => {
        network.close()
      },
    }
  )
}
