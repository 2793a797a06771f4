/** A recorded data folder of a release, made by test/reference/data-dir.mjs, goes on where that release left it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { oneDaemon } from './one-daemon.ts'

interface Recorded {
  readonly probes: readonly object[]
  readonly answers: readonly {
    readonly label: string
    readonly scores: Readonly<Record<string, number>>
  }[]
  readonly version: string
  readonly digest: string
  readonly versions: readonly { readonly version: string; readonly digest: string }[]
  readonly status: {
    readonly live: object
    readonly labels: readonly string[]
    readonly counts: object
    readonly prequential: object
    readonly quality: object
  }
  readonly set_aside: { readonly count: number; readonly set_aside: readonly object[] }
  readonly history: object
}

const archive = fileURLToPath(new URL('../reference/data-dir-0.1.tgz', import.meta.url))
let recorded: Readonly<Record<string, Recorded>>

const daemon = oneDaemon((folder) => {
  execFileSync('tar', ['-xzf', archive, '-C', folder])
  recorded = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as typeof recorded
})

beforeAll(async () => {
  for (const model of Object.keys(recorded))
    await vi.waitUntil(async () => (await status(model)).trainer.state === 'idle', {
      timeout: 110_000,
      interval: 100,
    })
})

async function ask(path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${daemon.url}/v1/models/${path}`, {
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json' },
  })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(JSON.stringify(answer))
  return answer
}

interface Status {
  readonly live: { readonly version: string }
  readonly labels: readonly string[]
  readonly counts: object
  readonly prequential: object
  readonly trainer: { readonly state: string }
}

const status = async (model: string) => (await ask(model)) as Status

describe.each(['mood', 'valves'])('%s', (model) => {
  test('is served as it was: the same version, the same answers, the same history', async () => {
    const before = recorded[model]!
    const answer = (await ask(`${model}/predict`, { inputs: before.probes })) as {
      readonly version: string
      readonly digest: string
      readonly predictions: Recorded['answers']
    }
    expect(answer).toMatchObject({ version: before.version, digest: before.digest })
    before.answers.forEach(({ label, scores }, index) => {
      const now = answer.predictions[index]!
      expect(now.label).toBe(label)
      for (const [name, score] of Object.entries(scores))
        expect(now.scores[name]).toBeCloseTo(score, 4)
    })
    const { versions } = (await ask(`${model}/versions`)) as Pick<Recorded, 'versions'>
    expect(versions.map(({ version, digest }) => ({ version, digest }))).toEqual(before.versions)
    // Later releases say more of each move, and nothing else of what was recorded.
    expect(await ask(`${model}/history`)).toMatchObject(before.history)
  })

  test('has learned what it had learned, and keeps aside what was set aside', async () => {
    const before = recorded[model]!
    const now = await status(model)
    expect(now.counts).toEqual(before.status.counts)
    expect(now.prequential).toEqual(before.status.prequential)
    expect(now.labels).toEqual(before.status.labels)
    expect(now.live).toMatchObject(before.status.live)
    expect(await ask(`${model}/set-aside`)).toMatchObject(before.set_aside)
  })
})

test('what was pending is learned with what comes next, and a duplicate is still one', async () => {
  const { input } = { input: { text: 'the seat was superb' } }
  const event = { id: 'e-60', source: 'after', input, label: 'positive' }
  const first = (await ask('mood/feedback', event)) as { readonly accepted: number }
  expect(first.accepted).toBe(1)
  const events = Array.from({ length: 8 }, (_, index) => ({
    id: `new-${index}`,
    source: 'later',
    input: { text: `the lamp was ${index % 2 ? 'great' : 'poor'}` },
    label: index % 2 ? 'positive' : 'negative',
  }))
  const before = (await status('mood')).live.version
  await ask('mood/feedback', { events })
  await vi.waitUntil(async () => (await status('mood')).live.version !== before, {
    timeout: 60_000,
    interval: 100,
  })
})

test('a rollback goes to the version that the earlier release had pinned', async () => {
  const { versions } = (await ask('mood/versions')) as {
    readonly versions: readonly { readonly version: string; readonly pinned?: boolean }[]
  }
  const pinned = versions.find((version) => version.pinned)
  expect(pinned).toBeDefined()
  await ask('mood/rollback', { to: pinned?.version, reason: 'test' })
  expect((await status('mood')).live.version).toBe(pinned?.version)
})
