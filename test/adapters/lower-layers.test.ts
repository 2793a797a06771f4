/** What the lower layers say, beside the embedding: the numbers of the base itself, as a latent of one position. */
import { expect, it } from 'vitest'
import { fileURLToPath } from 'node:url'
import { viewOf, embedded } from '../../src/adapters/view.ts'
import { withLowerLayers } from '../../src/adapters/lower-layers.ts'
import { ranpac } from '../../src/adapters/closed-form/ranpac.ts'
import { slda } from '../../src/adapters/closed-form/slda.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import { openFeatures } from '../../src/bases/features/features.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { openTrunkEngine } from '../../src/nn/onnx/trunk-engine.ts'
import { embeddings } from '../learner/embeddings.ts'
import { planOf } from '../trainer/rig.ts'

const bert = await openBert(fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)))
const useLite = await openUseLite()
const config = { method: 'slda', rank: 0, alpha: 1, tail_layers: 0 }
const texts = ['a', 'what a lovely phone', 'never again, and that is that']

it.each([bert, useLite])(
  'is the embedding of $name, then each lower layer at unit length',
  async (base) => {
    const { layers } = base.network
    const whole = await latentsOf(base, layers)
    const bare = embeddings({ ...planOf({ method: slda, config }), base }, new Map(), whole)
    const lower = await Promise.all([layers - 1, layers - 2].map((cut) => latentsOf(base, cut)))
    const seen = withLowerLayers(base, 3)
    const found = await latentsOf(seen, layers)
    for (const [at, { positions, width, data }] of found.entries()) {
      expect([positions, width]).toEqual([1, seen.network.width])
      const own = bare.slice(at * base.network.width, (at + 1) * base.network.width)
      const wanted = [...own, ...unitMean(lower[1]![at]!), ...unitMean(lower[0]![at]!)]
      expect(width).toBe(wanted.length)
      for (const [index, value] of wanted.entries()) expect(data[index]).toBeCloseTo(value, 4)
    }
  },
)

it('has no more layers than the base, the input of the lowest among them', () => {
  const { layers } = bert.network
  expect(withLowerLayers(bert, 1000)).toBe(withLowerLayers(bert, layers + 1))
  expect(withLowerLayers(bert, 1000).network.width).toBe(bert.network.width * (layers + 1))
})

it('is one view for everybody, of a trunk with a name of its own, and its own view', () => {
  const seen = withLowerLayers(bert, 2)
  expect(withLowerLayers(bert, 2)).toBe(seen)
  expect(withLowerLayers(seen, 3)).toBe(seen)
  expect(seen.hash).toBe(bert.hash)
  expect(new Set([bert, seen, withLowerLayers(bert, 3)].map(({ trunk }) => trunk)).size).toBe(3)
})

it('leaves a base of features as it is', () => {
  const features = openFeatures({ size: 3, hidden: [4, 4], standardise: false })
  expect(withLowerLayers(features, 2)).toBe(features)
})

it('is what slda and the projection of ranpac see, the embedding alone where the config does not say', () => {
  const two = { ...config, depth: 2, features: 32 }
  expect(viewOf(bert, slda, two)).toBe(withLowerLayers(bert, 2))
  expect(viewOf(bert, slda, config)).toBe(embedded(bert))
  const projection = (asked: typeof two) =>
    viewOf(bert, ranpac, asked).weights.get('ranpac.projection')!.shape
  expect(projection(two)).toEqual([2 * bert.network.width, 32])
  expect(projection({ ...two, depth: 1 })).toEqual([bert.network.width, 32])
  expect(viewOf(bert, ranpac, two).trunk).toBe(withLowerLayers(bert, 2).trunk)
})

async function latentsOf(base: Base, cut: number): Promise<readonly Latent[]> {
  const trunk = await openTrunkEngine(base, cut)
  const latents = await trunk.encode(texts.map((text) => base.encode({ kind: 'text', text }, 16)))
  await trunk.close()
  return latents
}

function unitMean({ positions, width, data }: Latent): number[] {
  const mean = Array.from({ length: width }, (_, column) => {
    let sum = 0
    for (let at = column; at < data.length; at += width) sum += data[at]!
    return sum / positions
  })
  const norm = Math.hypot(...mean)
  return mean.map((value) => value / norm)
}
