/**
 * A canary through the whole daemon, by counts alone: a good candidate gets 1 %, 10 % and then all of the requests, and
 * one that learned flipped labels is stopped by itself while few users have seen it.
 */
import { expect, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const random = openRandom(1, 'users')
const settings = `server: { port: 0 }
log: { level: error }
models:
  good:
    base: { features: { size: 2 } }
    labels: [no, yes]
    adapter: { method: head }
    train: { head_learning_rate: 0.05 }
    trigger: { policy: count, every: 40, rest: 0 }
    rollout: { policy: canary, share: 0.01, factor: 10, judged: 5 }
  poisoned:
    base: { features: { size: 2 } }
    labels: [no, yes]
    adapter: { method: head }
    train: { head_learning_rate: 0.1, epochs: 5 }
    replay: { policy: none }
    trigger: { policy: count, every: 400, rest: 0 }
    rollout: { policy: canary, share: 0.05, factor: 10, judged: 50 }
`

/** The machine may be busy. */
const until = async (isSo: () => Promise<boolean>) =>
  vi.waitUntil(isSo, { timeout: 60_000, interval: 50 })

const daemon = oneDaemon(settings)

interface Move {
  readonly version: string
  readonly by: string
  readonly reason: string
  readonly canary?: { readonly version: string; readonly share: number }
}

interface Model {
  readonly live: Move
  readonly counts: { readonly set_aside?: number }
  readonly trial?: { readonly version: string; readonly candidate: { readonly judged: number } }
}

interface Predicted {
  readonly version: string
  readonly arm?: string
  readonly predictions: readonly { readonly id: string; readonly label: string | null }[]
}

type Name = 'good' | 'poisoned'

const post = <Answer>(name: Name, path: string, body: object) =>
  daemon.post<Answer>(`${name}/${path}`, body)
const get = <Answer>(name: Name, path = '') => daemon.get<Answer>(`${name}${path}`)
const model = (name: Name) => get<Model>(name)
const movesOf = async (name: Name) =>
  (await get<{ readonly moves: readonly Move[] }>(name, '/history')).moves.toReversed()

async function teach(name: Name, events: readonly object[]): Promise<void> {
  await post(name, 'feedback', { events })
  // Events that are too few for an update are read, and wait.
  await until(async () => {
    const { lag } = await get<{ readonly lag: number }>(name)
    return lag === 0
  })
}

function part(): { readonly features: readonly number[]; readonly label: string } {
  const features = [random.normal(), random.normal()]
  return { features, label: features[0]! > 0 ? 'yes' : 'no' }
}

const lesson = ({ features, label }: ReturnType<typeof part>) => ({ input: { features }, label })
const flipped = ({ features, label }: ReturnType<typeof part>) => ({
  ...lesson({ features, label: label === 'yes' ? 'no' : 'yes' }),
  source: 'importer',
})

let users = 0

/** Some users ask once each, and say the truth about the answers. */
async function usersAsk(name: Name, count: number): Promise<readonly Predicted[]> {
  const parts = Array.from({ length: count }, part)
  const answers = await Promise.all(
    parts.map(async ({ features }) => {
      const body = { inputs: [{ features }], key: `user-${(users += 1)}` }
      return post<Predicted>(name, 'predict', body)
    }),
  )
  const events = answers.map(({ predictions }, at) => ({
    prediction_id: predictions[0]!.id,
    label: parts[at]!.label,
  }))
  await teach(name, events)
  return answers
}

/** Until it is so; the number of users is bounded, not the time. */
async function usersUntil(
  name: Name,
  isSo: (model: Model) => boolean,
): Promise<readonly Predicted[]> {
  const all: Predicted[] = []
  for (let round = 0; round < 200; round += 1) {
    all.push(...(await usersAsk(name, 40)))
    if (isSo(await model(name))) return all
  }
  throw new Error(`not so after 8000 users: ${JSON.stringify(await model(name))}`)
}

test(
  'a good candidate gets 1 %, 10 % and then all of the requests',
  { timeout: 120_000 },
  async () => {
    const answers = await usersUntil('good', ({ live }) => live.version !== 'v0')
    const [start, ...steps] = await movesOf('good')
    expect(start).toMatchObject({ version: 'v0', by: 'start' })
    const first = steps.slice(0, 3)
    const candidate = first[0]?.canary?.version
    expect(first).toMatchObject([
      { version: 'v0', by: 'trainer', canary: { version: candidate, share: 0.01 } },
      { version: 'v0', by: 'trainer', canary: { version: candidate, share: 0.1 } },
      { version: candidate, by: 'trainer' },
    ])
    expect(first[2]?.reason).toMatch(/^canary: no harm shown/)
    // Each answer names the version that made it.
    for (const { arm, version } of answers) if (arm === 'canary') expect(version).not.toBe('v0')
  },
)

test('a crash in the middle of a trial loses nothing of it', { timeout: 120_000 }, async () => {
  await usersUntil('good', ({ trial }) => (trial?.candidate.judged ?? 0) > 0)
  const before = await model('good')
  await daemon.kill()
  await daemon.start()
  const { version, candidate } = before.trial!
  await expect
    .poll(async () => (await model('good')).trial, { timeout: 60_000 })
    .toMatchObject({ version, candidate })
  expect((await model('good')).live).toEqual(before.live)
})

test(
  'flipped labels make a bad candidate, which is stopped by itself',
  { timeout: 120_000 },
  async () => {
    await teach(
      'poisoned',
      Array.from({ length: 400 }, () => lesson(part())),
    )
    await until(async () => (await model('poisoned')).trial?.version === 'v1')
    // The trainer speaks of a trial before its move is written: a promotion in between would come first.
    await until(async () => (await movesOf('poisoned')).some(({ canary }) => canary !== undefined))
    await post('poisoned', 'promote', { version: 'v1', reason: 'the test begins with it' })
    await until(async () => (await model('poisoned')).trial === undefined)
    await teach(
      'poisoned',
      Array.from({ length: 400 }, () => flipped(part())),
    )
    await until(async () => (await model('poisoned')).trial?.version === 'v2')
    const answers = await usersUntil('poisoned', ({ live }) => live.by === 'policy')
    const moves = await movesOf('poisoned')
    expect(moves.map(({ version, by, canary }) => [version, by, canary?.share])).toEqual([
      ['v0', 'start', undefined],
      ['v0', 'trainer', 0.05],
      ['v1', 'promote', undefined],
      ['v1', 'trainer', 0.05],
      ['v1', 'policy', undefined],
    ])
    expect(moves.at(-1)?.reason).toMatch(/^canary: errs [\d.]+ points more in \d+ comparisons/)
    // Few users have seen it, and what it has learned is set aside.
    const saw = answers.filter(({ version }) => version === 'v2').length
    expect(saw).toBeGreaterThan(5)
    expect(saw).toBeLessThan(50)
    expect((await model('poisoned')).counts.set_aside).toBeGreaterThanOrEqual(400)
    const after = await usersAsk('poisoned', 20)
    expect(new Set(after.map(({ version }) => version))).toEqual(new Set(['v1']))
    const history = await runCli('history', 'poisoned', '--url', daemon.url)
    expect(history.stdout).toMatch(/v1 \+ v2 at 5 % .* trainer/)
    expect(history.stdout).toMatch(/v1 .* policy +canary: errs/)
  },
)

test(
  'a person tries a version by command, sees it in status, and ends the trial',
  { timeout: 60_000 },
  async () => {
    const cli = async (...args: string[]) => runCli(...args, '--url', daemon.url)
    const begun = await cli(
      ...['canary', 'poisoned', '--version', 'v0', '--share', '0.4', '--reason', 'a check'],
    )
    expect(begun.stdout).toMatch(/^v1 \+ v0 at 40 % \(generation \d+\)/)
    const isShown = async () =>
      /poisoned: v0 is the canary at 40 % since \S+, a person decides/.test(
        (await cli('status', 'poisoned', '--sample', '0.1')).stdout,
      )
    await until(isShown)
    const shadow = await cli('shadow', 'poisoned', '--version', 'v0', '--reason', 'a check')
    expect(shadow.stdout).toMatch(/^v1 ~ v0 \(shadow\)/)
    for (const kind of ['shadow', 'canary']) {
      const over = await cli(kind, 'poisoned', '--end', '--reason', 'seen', '--json')
      expect(over.json()).toMatchObject({ live: 'v1' })
      expect(over.json()).not.toHaveProperty(kind)
    }
    const usage = await cli('canary', 'poisoned', '--reason', 'no version')
    expect([usage.code, usage.stderr]).toEqual([64, expect.stringContaining('--version')])
  },
)
