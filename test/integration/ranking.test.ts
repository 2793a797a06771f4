/** Rankings through the whole daemon: what shown items earn is learned, and what was not shown cannot be rewarded. */
import { expect, test, vi } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { openClient } from '../../src/client/client.ts'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'

const random = openRandom(1, 'shop')
const base =
  'base: { pair: { context: { schema: { hour: category } }, item: { schema: { kind: category } } } }'
const daemon = oneDaemon(`
server: { port: 0 }
log: { level: warn }
models:
  shop:
    task: { ranking: { reward_window: 1h } }
    ${base}
    exploration: { policy: epsilon-greedy, epsilon: 0.2 }
    trigger: { policy: count, every: 8 }
  late: { task: { ranking: { reward_window: 1ms } }, ${base} }
  votes: { task: ranking, ${base}, exploration: { policy: bootstrap, members: 4 } }
  words: { labels: [no, yes], base: { features: { size: 2 } }, adapter: { method: head } }
`)
const { post, get } = daemon

const kinds = ['tea', 'coffee', 'wine']
/** What each hour wants. */
const wanted: Readonly<Record<string, string>> = { morning: 'coffee', noon: 'tea', night: 'wine' }
const hours = Object.keys(wanted)
const candidates = kinds.map((kind) => ({ id: kind, input: { kind } }))

interface Ranking {
  readonly prediction_id: string
  readonly version: string
  readonly seed: string
  readonly ranking: readonly {
    readonly id: string
    readonly score: number
    readonly propensity: number
    readonly position: number
  }[]
}

const rank = async (hour: string, more: object = {}, model = 'shop') =>
  post<Ranking>(`${model}/rank`, { context: { hour }, candidates, top: 1, ...more })

test('learns from rewards which item each context wants, and says what was earned', async () => {
  let position = ''
  for (let round = 0; round < 120; round += 1) {
    const hour = hours[random.below(3)]!
    const { prediction_id, ranking } = await rank(hour)
    const item = ranking[0]!.id
    const reward = item === wanted[hour] ? 1 : 0
    const event = { prediction_id, item, reward }
    const receipt = await post<{ accepted: number; position: string }>('shop/feedback', event)
    expect(receipt).toMatchObject({ accepted: 1 })
    ;({ position } = receipt)
  }
  for (const hour of hours) {
    const path = `shop/rank?wait_for=${position}`
    const body = { context: { hour }, candidates, seed: 'a' }
    const { ranking } = await post<Ranking>(path, body)
    const scores = Object.fromEntries(ranking.map(({ id, score }) => [id, score]))
    expect(kinds.toSorted((a, b) => scores[b]! - scores[a]!)[0]).toBe(wanted[hour])
  }
  const quality = async () => get<Record<string, number> & { baselines: object }>('shop/quality')
  await vi.waitUntil(async () => (await quality()).events! >= 110, { timeout: 60_000 })
  const { first_reward_recent, log_loss_recent, baselines } = await quality()
  expect(first_reward_recent).toBeGreaterThan(0)
  expect(baselines).toMatchObject({ uniform: {}, mean_reward: {} })
  expect(log_loss_recent).toBeGreaterThan(0)
}, 60_000)

test('the same version, candidates and seed give the same order, with the probabilities of its draws', async () => {
  const whole = { seed: 'again', top: 3 }
  const one = await rank('noon', whole)
  const other = await rank('noon', { ...whole, version: one.version })
  expect(other.ranking).toEqual(one.ranking)
  expect(one.seed).toBe('again')
  expect(one.ranking.map(({ position }) => position)).toEqual([1, 2, 3])
  // ε of .2 among three: the best at .867, each other at .067; the last is certain.
  const odds = [0.2 / 3, 0.8 + 0.2 / 3]
  const [first, , last] = one.ranking
  expect(odds.some((each) => Math.abs(each - first!.propensity) < 1e-9)).toBe(true)
  expect(last!.propensity).toBe(1)
  const seeds = await Promise.all(
    Array.from({ length: 40 }, async (_, seed) => rank('noon', { seed: `s${seed}` })),
  )
  expect(new Set(seeds.map(({ ranking }) => ranking[0]!.id)).size).toBeGreaterThan(1)
  const { ranking } = await rank('noon', { top: 3 }, 'votes')
  expect(ranking.every(({ propensity }) => propensity > 0 && propensity <= 1)).toBe(true)
  expect(ranking.map(({ score }) => score)).toEqual([0.5, 0.5, 0.5])
})

test('rewards are checked against what was shown, each with a code and a place', async () => {
  const { prediction_id, ranking } = await rank('night')
  const shown = ranking[0]!
  const other = kinds.find((kind) => kind !== shown.id)!
  const letters = async () => {
    const { dead_letters } = await get<{ dead_letters: readonly { code: string }[] }>(
      'shop/dead-letters',
    )
    return dead_letters.map(({ code }) => code)
  }
  const refused = async (code: string, event: object) => {
    await post('shop/feedback', { prediction_id, ...event })
    await vi.waitUntil(async () => (await letters()).includes(code), { timeout: 30_000 })
  }
  await refused('ITEM_NOT_SHOWN', { item: other, reward: 1 })
  await refused('PROPENSITY_ALTERED', { item: shown.id, reward: 1, propensity: 0.999 })
  const wrong = { prediction_id, item: shown.id }
  for (const reward of [1.5, -1, 'x'])
    expect(await post('shop/feedback', { ...wrong, reward })).toMatchObject({
      code: 'REWARD_INVALID',
      fix: expect.stringContaining('reward') as string,
    })
  expect(await post('shop/feedback', wrong)).toMatchObject({ code: 'REWARD_INVALID' })
  const { propensity } = shown
  const click = { ...wrong, reward: 1 }
  expect(await post('shop/feedback', { ...click, propensity })).toMatchObject({ accepted: 1 })
  expect(await post('shop/feedback', { ...click, propensity })).toMatchObject({ duplicates: 1 })
  await refused('REWARD_REPEATED', { ...click, id: 'another-click' })
})

test('the command line ranks, and says how to reward', async () => {
  const at = ['--model', 'shop', '--url', daemon.url]
  const asked = ['--context', '{"hour": "noon"}', '--candidates', JSON.stringify(candidates)]
  const { stdout } = await runCli('rank', ...asked, '--top', '1', '--seed', 's', ...at)
  expect(stdout).toMatch(/^1 {2}\w+ +score 0\.\d+ +propensity 0\.\d+\nv\d+ {2}seed s\n/)
  const [, id, item] = /--prediction-id (\S+) --item (\w+) --reward 1/.exec(stdout)!
  const said = ['--prediction-id', id!, '--item', item!, '--reward', '1', '--json']
  const { json } = await runCli('feedback', ...said, ...at)
  expect(json()).toMatchObject({ accepted: 1 })
  expect((await runCli('rank', ...asked.slice(0, 3), '{}', ...at)).code).toBe(64)
})

test('status shows rewards beside those of a uniform choice', async () => {
  const at = ['--url', daemon.url]
  expect((await runCli('status', ...at)).stdout).toMatch(/shop .*reward 0?\.\d+/)
  const { stdout } = await runCli('status', 'shop', '--labels', ...at)
  expect(stdout).toMatch(/first positions +0?\.\d+/)
  expect(stdout).toContain('a uniform choice')
})

test('a request is refused with its place before anything is computed', async () => {
  const ask = async (body: object) => post('shop/rank', { context: { hour: 'noon' }, ...body })
  const many = Array.from({ length: 10_000 }, (_, at) => ({ id: `${at}`, input: { kind: 'tea' } }))
  expect(await ask({ candidates: [] })).toMatchObject({
    code: 'CANDIDATES_INVALID',
    pointer: '/candidates',
  })
  expect(await ask({ candidates: many.slice(0, 300) })).toMatchObject({
    code: 'CANDIDATES_TOO_MANY',
    fix: expect.stringContaining('limits.inputs') as string,
  })
  expect(await ask({ candidates: [...candidates, candidates[0]!] })).toMatchObject({
    code: 'CANDIDATES_INVALID',
    pointer: '/candidates/3/id',
  })
  expect(await ask({ candidates: [{ id: 'a', input: { price: 1 } }] })).toMatchObject({
    code: 'FEATURE_UNKNOWN',
  })
  expect(await ask({ candidates: [{ id: '', input: {} }] })).toMatchObject({
    pointer: '/candidates/0/id',
  })
  expect(await post('words/rank', { context: {}, candidates })).toMatchObject({
    code: 'REQUEST_INVALID',
  })
})

test('an item without a reward has earned nothing when its window is over, and a click then is late', async () => {
  const learned = async () => {
    const { counts } = await get<{ counts: Record<string, number> }>('late')
    return (counts.learned ?? 0) + (counts.pending ?? 0)
  }
  const first = await rank('noon', {}, 'late')
  await vi.waitUntil(
    async () => {
      await rank('night', {}, 'late')
      return (await learned()) > 0
    },
    { timeout: 60_000, interval: 50 },
  )
  const { id } = first.ranking[0]!
  const client = openClient({ url: daemon.url }).model('late')
  await client.feedback({ prediction_id: first.prediction_id, item: id, reward: 1 })
  await vi.waitUntil(
    async () => {
      const { dead_letters } = await get<{ dead_letters: readonly { code: string }[] }>(
        'late/dead-letters',
      )
      return dead_letters.some(({ code }) => code === 'REWARD_LATE')
    },
    { timeout: 30_000 },
  )
}, 90_000)
