/**
 * Law 2 with tracing: a trainer that dies at random instants names the same traces in its manifests as one that never
 * died, and learns the same as one that traces nothing.
 */
import { expect, test } from 'vitest'
import type { Span } from '../../src/platform/tracing/spans.ts'
import { openRandom } from '../../src/platform/random.ts'
import { finalState } from '../trainer/final-state.ts'
import { openWorld, runToEnd, type World } from '../trainer/world.ts'
import { runWithCrashes } from './lives.ts'
import { seedsBelow } from './random-deaths.ts'
import { predictionsOf, settingOf, streamsOf } from './scenario.ts'

const seeds = seedsBelow(10, 40)

test(
  'whatever the instants of its deaths, versions name the same traces',
  { timeout: 120_000 + seeds.length * 1_000 },
  async () => {
    let linked = 0
    for (const seed of seeds) {
      const spans: Span[] = []
      const [plain, whole, world] = [worldOf(seed), worldOf(seed), worldOf(seed)]
      await runToEnd(plain, settingOf(seed))
      await runToEnd(whole, { ...settingOf(seed), onSpan: (span) => void spans.push(span) })
      const again: Span[] = []
      const setting = () => ({ ...settingOf(seed), onSpan: (span: Span) => void again.push(span) })
      const crashes = await runWithCrashes(world, setting, seed)
      const repeat = `SEED=${seed} npx vitest run test/simulation/traces.test.ts (${crashes} crashes)`
      expect(finalState(world), repeat).toEqual(finalState(plain))
      expect(finalState(whole), repeat).toEqual(finalState(plain))
      expect(tracesIn(world), repeat).toEqual(tracesIn(whole))
      // A span of an update that ended just before a death comes once more, under the same id.
      expect(idsOf(again), repeat).toEqual(idsOf(spans))
      linked += tracesIn(whole).filter(([, trace]) => (trace?.links.length ?? 0) > 1).length
    }
    expect(linked).toBeGreaterThan(seeds.length)
  },
)

function tracesIn({ registry }: World) {
  return [...registry.versions].map(([name, { manifest }]) => [name, manifest.trace] as const)
}

function idsOf(spans: readonly Span[]): readonly string[] {
  return [...new Set(spans.map(({ name, context }) => `${name} ${context.spanId}`))].toSorted()
}

function worldOf(seed: number): World {
  const random = openRandom(seed, 'traces')
  const traceparent = () => {
    const at = random.below(30)
    return `00-${(at % 7).toString(16).padStart(32, '3')}-${at.toString(16).padStart(16, '4')}-01`
  }
  const traced = (text: string) =>
    text.startsWith('{') && random.below(3) > 0
      ? JSON.stringify({ ...(JSON.parse(text) as object), traceparent: traceparent() })
      : text
  const streams = Object.entries(streamsOf(seed)).map(([name, texts]) => [name, texts.map(traced)])
  const world = openWorld(Object.fromEntries(streams) as ReturnType<typeof streamsOf>)
  for (const prediction of predictionsOf(seed))
    world.predictions.set(prediction.id, { ...prediction, traceparent: traceparent() })
  return world
}
