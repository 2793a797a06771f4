/** Embeddings as a surface gets them: those of the base for a fresh adapter, others for one that has learned, whatever head it has. */
import { expect, onTestFinished, test } from 'vitest'
import { fileURLToPath } from 'node:url'
import { lora } from '../../src/adapters/lora.ts'
import { LOW_RANK_B } from '../../src/adapters/low-rank.ts'
import { openCausal } from '../../src/bases/causal/causal.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import { lazyEmbeddings } from '../../src/serving/engine/engine-set.ts'
import { openEmbeddingService, unit } from '../../src/serving/services/embedding-service.ts'
import { distance, openOnnxEmbedder } from '../bases/embed.ts'
import { randomVersion } from '../nn/random-version.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { openFakeClock } from './fake-clock.ts'
import { openFakeLog } from './fake-log.ts'

const place = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))
const inputs = ['the phone is lovely', 'bad'].map((text) => ({ kind: 'text', text }) as const)

test('a version embeds as its base with its adapter, without its head, at unit length', async () => {
  const base = await openCausal(place)
  const config = { method: 'lora', rank: 2, alpha: 4, tail_layers: 1 }
  const plan = labelledPlan({ base, method: lora, config }, ['a', 'b'])
  const learned = randomVersion(plan, openRandom(1, 'embedding'))
  const fresh = {
    manifest: { ...learned.manifest, version: 'v0', digest: 'fresh' },
    parameters: new Map(
      [...learned.parameters].map(([name, { shape, data }]) => [
        name,
        { shape, data: name.endsWith(LOW_RANK_B) ? data.map(() => 0) : data },
      ]),
    ),
  }
  const metrics = openMetrics()
  const closers: (() => Promise<void>)[] = []
  onTestFinished(async () => {
    for (const close of closers.toReversed()) await close()
    metrics.close()
  })
  const engine = lazyEmbeddings(base, {
    engine: { methods: { lora } },
    batcher: { rowsPerRun: 8, queue: 64, queueBytes: 1e6, waitMs: 1000 },
    ...{ clock: openFakeClock(), log: openFakeLog(), metrics },
    atEnd: (close) => void closers.push(close),
  })
  const versions = {
    v0: fresh,
    v1: { ...learned, manifest: { ...learned.manifest, version: 'v1' } },
  }
  const find = async (name: string) => versions[name as 'v0' | 'v1']
  const service = openEmbeddingService({
    ...{ model: 'm', base, maxTokens: 64, engine },
    registry: { load: find, find: async () => Promise.resolve(undefined) } as never,
    live: {
      hold: async ({ version = 'v1' }: { version?: string | undefined }) => {
        const { manifest } = await find(version)
        return {
          manifest,
          generation: 1,
          trial: {},
          ended: () => undefined,
          release: () => undefined,
        }
      },
    },
  })
  const published = await openOnnxEmbedder(base, 1)
  closers.push(async () => published.close())
  const rows = inputs.map((input) => base.encode(input, 64))
  const expected = (await published.embed(rows, 1)).map((vector) => unit(vector))
  const old = await service.embed({ inputs, version: 'v0' })
  expect(distance(old.vectors, expected)).toBeLessThan(1e-4)
  const live = await service.embed({ inputs })
  expect(live.manifest.version).toBe('v1')
  expect(distance(live.vectors, expected)).toBeGreaterThan(1e-3)
  for (const vector of live.vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
  expect(live.tokens).toBe(rows.reduce((sum, row) => sum + row.data.length, 0))
})
