/**
 * One head of attention over the parts of a document:
 *
 *   a = softmax over i of ⟨W eᵢ, m⟩,   m the mean of all eᵢ        embedding = Σ aᵢ eᵢ, at unit length
 *
 * W begins at zero, so that all parts count equally until an adapter has learned it.
 */
import type { Tensors } from '../../contracts/core.ts'
import type { Network, TargetModule } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'

const SITE = 'attention'

export function attentionWeights(width: number): Tensors {
  const zeros = { shape: [width, width], data: new Float32Array(width * width) }
  return new Map([[`${SITE}.weight`, zeros]])
}

export function attentionNetwork(width: number): Network {
  const site: TargetModule = {
    ...{ name: SITE, kind: 'linear', role: 'attention', layer: 0 },
    ...{ inSize: width, outSize: width, hasBias: false },
  }
  return {
    layers: 1,
    width,
    unit: true,
    latentWidth: () => width,
    sites: (cut) => (cut === 0 ? [site] : []),
    trunk(_ops, { values }) {
      invariant(values !== undefined, 'a document has vectors, not tokens')
      return values
    },
    tail: (_ops, parts) => parts,
    pool(ops, parts, mask, adaptation) {
      const weight = ops.weight(`${SITE}.weight`)
      const keys = adaptation.linear(SITE, parts, weight, ops.scalar(0), () =>
        ops.matMul(parts, weight),
      )
      const query = ops.splitHeads(ops.maskedMean(parts, mask), 1)
      const scores = ops.batchMatMul(query, ops.splitHeads(keys, 1), true)
      const shares = ops.softmax(ops.add(scores, ops.attentionBias(mask)))
      return ops.unit(ops.mergeHeads(ops.batchMatMul(shares, ops.splitHeads(parts, 1))))
    },
  }
}
