/** The embedding that a tail gives under an adapter, rows one after the other, computed on the training engine. */
import { embeddingOf } from '../../src/nn/head-input.ts'
import { type AdapterPlan, sitesOf } from '../../src/adapters/adapter.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { tfjsOps } from '../../src/nn/tfjs/ops.ts'
import { padded } from '../../src/optim/engines/batch.ts'
import { tf } from '../trainer/rig.ts'

export function embeddings(
  { base, config, method }: AdapterPlan,
  parameters: Tensors,
  rows: readonly Latent[],
  folded = false,
): number[] {
  const { network } = base
  const sites = sitesOf({ base, config })
  const cut = cutOf(config.tail_layers, network.layers)
  const upload = ({ shape, data }: Tensor) => tf.tensor(data, [...shape], 'float32')
  const uploaded = (tensors: Tensors) =>
    new Map([...tensors].map(([name, tensor]) => [name, upload(tensor)]))
  let values: number[] = []
  tf.tidy(() => {
    const ops = tfjsOps(tf, uploaded(base.weights), uploaded(parameters))
    const { hidden, mask } = padded(rows)
    const adaptation = method.open(config).adaptation(ops, sites, folded)
    const embedding = embeddingOf(ops, network, {
      hidden: upload(hidden),
      mask: upload(mask),
      cut,
      adaptation,
    })
    values = [...embedding.dataSync()]
  })
  return values
}
