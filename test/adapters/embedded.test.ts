import { expect, it } from 'vitest'
import { viewOf, embedded } from '../../src/adapters/view.ts'
import { head } from '../../src/adapters/head.ts'
import { lora } from '../../src/adapters/lora.ts'
import { ncm } from '../../src/adapters/closed-form/ncm.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openBase } from '../../src/config/model-parts.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { embeddings } from '../learner/embeddings.ts'
import { bert, planOf } from '../trainer/rig.ts'

const config = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 } as const
const texts = ['good', 'not so bad, and long enough for several words', 'fine']
const bases: readonly (readonly [string, Base])[] = [
  ['bert', bert],
  ['use-lite', await openBase('use-lite')],
]

it.each(bases)(
  'its latent is the embedding of %s, one vector whatever the length',
  async (_, base) => {
    const { layers, width } = base.network
    const whole = await latentsOf(base, layers)
    const own = embeddings({ ...planOf({ method: head, config }), base }, new Map(), whole)
    const seen = await latentsOf(embedded(base), layers)
    expect(seen.map((latent) => [latent.positions, latent.width])).toEqual(
      texts.map(() => [1, width]),
    )
    for (const [at, value] of seen.flatMap(({ data }) => [...data]).entries())
      expect(value).toBeCloseTo(own[at]!, 5)
  },
)

it('is what methods see that learn nothing below the head, and what memory compares by', () => {
  expect(viewOf(bert, head, config)).toBe(embedded(bert))
  expect(viewOf(bert, ncm, config)).toBe(embedded(bert))
  expect(lora.open({ ...config, method: 'lora' }).view).toBeUndefined()
  expect(embedded(bert).published?.network).toBe(embedded(bert).network)
})

it('is its own view, and leaves features alone, whose tail may be trained', () => {
  expect(embedded(embedded(bert))).toBe(embedded(bert))
  const features = openFeatures({ size: 3, hidden: [4], standardise: false })
  expect(embedded(features)).toBe(features)
})

async function latentsOf(base: Base, cut: number): Promise<readonly Latent[]> {
  const trunk = await openTrunkEngine(base, cut)
  const latents = await trunk.encode(texts.map((text) => base.encode({ kind: 'text', text }, 16)))
  await trunk.close()
  return latents
}
