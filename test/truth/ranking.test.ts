/** What a client may choose does not make the probabilities of a ranking untrue. */
import { mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rankingSecret } from '../../src/app/ranking-secret.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { offPolicyReport } from '../../src/evaluation/off-policy.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openRandom } from '../../src/platform/random.ts'
import { policies } from '../../src/plugins.ts'
import { openRankingService } from '../../src/serving/services/ranking-service.ts'
import { openRanking } from '../../src/tasks/ranking/ranking.ts'
import { offPolicyFacts } from '../../src/trainer/updates/off-policy.ts'

const exploration = openPolicy('exploration', policies.exploration, {
  ...{ policy: 'epsilon-greedy', epsilon: 1 },
})
const task = openRanking({ reward_min: 0, reward_max: 1, reward_window: 0 }, exploration)
const ids = ['a', 'b', 'c', 'd']
const input = { hour: 1 }
const request = { context: input, candidates: ids.map((id) => ({ id, input })) }

async function firstItems(secret: string, seeds: readonly string[]) {
  const manifest = { version: 'v1', digest: 'd', facts: task.facts(task.start) }
  const { rank } = openRankingService({
    ...{ secret, task, choices: task.choices, limits: defaultLimits, clock: { nowMs: () => 0 } },
    ...{ model: 'm', maxTokens: 8, predictionId: () => 'p', predictions: { record: () => [] } },
    base: { encode: () => ({ data: new Float32Array() }) },
    batcher: { run: async () => ids.map(() => new Float32Array([0])) },
    live: { hold: async () => ({ manifest, generation: 1, ended: () => 0, release: () => 0 }) },
    until: async () => undefined,
  } as never)
  const ranked = await Promise.all(seeds.map(async (seed) => rank({ ...request, seed })))
  return ranked.map(({ items }) => items[0]!.id)
}

test('a client that chooses the seed of a ranking does not know which item it draws, and replicas with one secret draw the same', async () => {
  const seeds = Array.from({ length: 200 }, (_, at) => `seed ${at}`)
  // What a client computes from the published rule alone.
  const wanted = seeds.filter((seed) => openRandom(seed, 'rank').uniform() < 1 / 4)
  const drawn = await firstItems('one', wanted)
  const share = drawn.filter((id) => id === 'a').length / wanted.length
  expect(share).toBeLessThan(0.6)
  expect(await firstItems('one', wanted)).toEqual(drawn)
  expect(await firstItems('two', wanted)).not.toEqual(drawn)
})

test('the secret of a model stays over a restart, is for its owner alone, and is one for all replicas of a fleet', async () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'secret-'))
  const shared = new Map<string, string>()
  const redis = {
    key: (...parts: string[]) => parts.join(':'),
    command: async (name: string, key: string, value = '') => {
      if (name === 'SET' && !shared.has(key)) shared.set(key, value)
      return shared.get(key)
    },
  }
  const open = async (data_dir: string, sharing?: object) => {
    const config = { data_dir, models: { '.': {} } }
    return rankingSecret({ config, sharing } as never, '.')
  }
  const [one, other] = [folder(), folder()]
  const alone = await open(one)
  expect(await open(one)).toBe(alone)
  expect(statSync(join(one, 'ranking.key')).mode & 0o777).toBe(0o600)
  expect(await open(one, { redis })).toBe(alone)
  expect(await open(other, { redis })).toBe(alone)
  expect(await open(other)).toBe(alone)
  writeFileSync(join(other, 'ranking.key'), '')
  expect(await open(other)).toMatch(/^[0-9a-f]{64}$/)
})

test('an answer of a version that the request named, and a seed that came before, are left out of off-policy estimates', async () => {
  const choices = task.choices!
  const served = (id: string, seed: string, more: object = {}): [string, object] => {
    const order = [{ id: 'a', score: 0.5, propensity: 0.25 }]
    const draw = { seed, odds: ids.map(() => 0.25) }
    return [
      id,
      { id, ...choices.served(choices.read(request, defaultLimits), order, draw), ...more },
    ]
  }
  const answers = new Map([
    served('p1', 'one'),
    served('p2', 'one'),
    served('p3', 'two', { pinned: true }),
    served('p4', 'three'),
  ])
  const target = { place: 0, reward: 1, propensity: 0.25, of: 4, draw: 0 }
  const rows = [...answers.keys()].map((predictionId) => ({ predictionId, target }))
  const score = { evidence: { outputs: new Float32Array([0]) } }
  const parts = {
    loop: {
      ...{ task, policies: { promotion: {} }, encoding: { base: { encode: () => ({}) } } },
      intake: { predictions: { find: (id: string) => answers.get(id) } },
    },
    state: {
      heldOut: { rows },
      progress: { state: { live: null, parent: null } },
      learner: { scoring: { versionOn: (some: object[]) => scoresOf(some.map(() => score)) } },
    },
    retry: { run: async (_: string, work: () => unknown) => work() },
    latents: {},
  }
  const never = new AbortController().signal
  const facts = await offPolicyFacts({ before: {} } as never, parts as never, never)
  expect(facts?.candidate.choices).toBe(2)
})

function* scoresOf(scores: readonly object[]) {
  return scores
}

test('an interval of what a policy would have earned never ends below where it begins', () => {
  // Always the item that is drawn once in a hundred times, and as often right as wrong: no policy draws so.
  const logged = (reward: number) => ({ chosen: 0, odds: [0.01, 0.99], reward })
  const choices = Array.from({ length: 400 }, (_, at) => {
    return { logged: logged(at % 2), odds: [1, 0], expected: [0.5, 0.5] }
  })
  const { ips, dr } = offPolicyReport(choices)
  for (const { low, high } of [ips, dr]) expect(low).toBeLessThanOrEqual(high)
  expect(ips).toMatchObject({ low: 0, high: 1 })
})
