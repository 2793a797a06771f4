/**
 * Instant memory in the daemon as a user starts it: one correction, no step, another answer; also after kill -9. And a closed
 * form beside it, whose versions are computed again from their events, by us and by a stranger's program.
 */
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { peftPython } from '../../deploy/bootstrap/peft.mjs'
import { type CliResult, runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'

const model = `
    labels: [delivery, payment, account]
    adapter: { method: head }
    trigger: { policy: count, every: 1000, rest: 0 }
    memory: { policy: knn, threshold: 0.6 }`

const sums = `{ labels: [delivery, payment, account], adapter: { method: ranpac, features: 64 }, trigger: { policy: count, every: 4, rest: 0 }, train: { replay_batch: 0 }, replay: { policy: recent, capacity: 1 } }`
const worth = sums.replace(/ }$/, ', evaluation: { held_out: { share: 0.3 } } }')
const daemon = oneDaemon(
  `server: { port: 0 }\nlog: { level: warn }\nmodels:\n  m:${model}\n  sums: ${sums}\n  worth: ${worth}\n`,
)
const get = daemon.get<Record<string, unknown>>
const { post } = daemon

interface Answers {
  readonly version: string
  readonly predictions: readonly { id: string; label: string; score: number }[]
}

const corrected = 'I cannot log in to my account any more'
const alike = 'I can not log in to my account'
const other = 'the weather is lovely today'
const texts = [corrected, alike, other]

/** A fresh head finds all labels equally likely. */
async function labels(version?: string): Promise<readonly string[]> {
  const answers = await post<Answers>('m/predict', { inputs: texts, version })
  return answers.predictions.map(({ label, score }) => (score > 0.4 ? label : 'unsure'))
}

test('one correction changes the answer to its input and its like, before any step', async () => {
  expect(await labels()).toEqual(['unsure', 'unsure', 'unsure'])
  const { predictions } = await post<Answers>('m/predict', { inputs: [corrected] })
  await post('m/feedback', { id: 'c-1', prediction_id: predictions[0]!.id, label: 'account' })
  const live = async () => ((await get('m')).live as { version: string }).version
  await expect.poll(live).toBe('v1')
  expect(await labels()).toEqual(['account', 'account', 'unsure'])
  // The trainer tells of the version first, and then of itself.
  await expect
    .poll(() => get('m'))
    .toMatchObject({ counts: { accepted: 1, learned: 0 }, pending: 1 })
  expect(await get('m/feedback/c-1')).toMatchObject({
    ...{ state: 'waiting', waiting_for: 'update', remembered: true },
  })
  const { stdout } = await runCli('receipt', 'c-1', '--model', 'm', '--url', daemon.url)
  expect(stdout).toContain('waits for the next update; memory answers from it already')
  expect(await get('m/versions/v1')).toMatchObject({ events: 0, steps: 0, memory: 1 })
  expect(await (await fetch(`${daemon.url}/metrics`)).text()).toContain(
    'antikythera_memory_examples{model="m"} 1\n',
  )
})

test('the version before answers as it did, and a rollback forgets', async () => {
  expect(await labels('v0')).toEqual(['unsure', 'unsure', 'unsure'])
  await post('m/rollback', { reason: 'a wrong correction' })
  await expect.poll(() => labels()).toEqual(Array(3).fill('unsure'))
  await post('m/promote', { version: 'v1', reason: 'it was right', undone: true })
  await expect.poll(() => labels()).toEqual(['account', 'account', 'unsure'])
})

test('an answer says what it rests on: the correction, and never its text', async () => {
  const asked = { inputs: [alike], because: 2, version: 'v1' }
  const { predictions } = await post<{ predictions: readonly { because: readonly Because[] }[] }>(
    'm/predict',
    asked,
  )
  expect(predictions[0]!.because).toMatchObject([{ id: 'c-1', target: { label: 'account' } }])
  expect(predictions[0]!.because[0]!.similarity).toBeGreaterThan(0.8)
  expect(JSON.stringify(predictions)).not.toContain('log in')
  const url = ['--url', daemon.url]
  const { stdout } = await runCli('predict', alike, '--model', 'm', '--because', '1', ...url)
  expect(stdout).toMatch(/\n {4}because 0\.[89]\d\d {2}label account {2}\S+ {2}c-1\n/)
})

interface Because {
  readonly id: string
  readonly similarity: number
}

test('a daemon that was killed answers as before, and goes on remembering', async () => {
  await daemon.kill()
  await daemon.start()
  expect(await labels()).toEqual(['account', 'account', 'unsure'])
  const lesson = { id: 'c-2', input: other, label: 'payment' }
  const { position } = await post<{ position: string }>('m/feedback', lesson)
  await post(`m/predict?wait_for=${position}`, { inputs: [other] })
  await expect.poll(() => labels()).toEqual(['account', 'account', 'payment'])
})

describe('a version of a closed form', () => {
  const lessons = ['delivery', 'payment', 'account'].flatMap((label) =>
    ['where is my', 'a question about', 'please change the', 'I am angry about my'].map((text) => ({
      ...{ source: 'desk', input: `${text} ${label}`, label },
      id: `${text} ${label}`,
    })),
  )
  const codeOf = ({ stderr }: CliResult) =>
    (JSON.parse(stderr) as { readonly error: { readonly code: string } }).error.code
  const verify = (...args: readonly string[]) =>
    runCli('verify', 'sums', '--config', daemon.config, '--json', ...args)
  const learned = () => expect.poll(async () => (await get('sums')).counts)
  const file = join(daemon.folder, 'events.jsonl')

  test('is what its events give, and after a retraction what the others give', async () => {
    await post('sums/feedback', { events: lessons.slice(0, 8) })
    await learned().toMatchObject({ learned: 8 })
    const [first] = lessons
    // Replay holds one example, and not this one.
    await post('sums/feedback', { source: 'desk', id: first!.id, retract: true })
    await post('sums/feedback', { events: lessons.slice(8) })
    await learned().toMatchObject({ learned: 12 })
    const { version } = (await get('sums')).live as { version: string }
    const { sums: report } = await get(`sums/versions/${version}`)
    expect(report).toMatchObject({ examples: 11, divided: 0, clipped: 0 })
    const { code, json } = await verify('--export', file)
    expect([code, json()]).toEqual([
      0,
      {
        model: 'sums',
        version,
        equal: true,
        ...{ digest: (report as Digest).digest },
        examples: 11,
      },
    ])
    expect((await verify('--events', file)).code).toBe(0)
    expect(codeOf(await verify('v1'))).toBe('SUMS_TAKEN_OUT')
    expect(codeOf(await verify('--export', file))).toBe('USAGE')
    expect((await verify('v0')).json()).toMatchObject({ equal: true, examples: 0 })
  })

  test('is not what an edited log gives, and a damaged one is refused by its line', async () => {
    const text = readFileSync(file, 'utf8')
    const edited = join(daemon.folder, 'edited.jsonl')
    const answer = async (changed: string) => {
      writeFileSync(edited, changed)
      return codeOf(await verify('--events', edited))
    }
    const lines = text.trimEnd().split('\n')
    expect(await answer(lines.slice(0, -1).join('\n'))).toBe('SUMS_DIFFER')
    expect(await answer(`${lines[0]}\n{}`)).toBe('EVENTS_INVALID')
    expect(await answer(text.replace(/"identity":"../, '"identity":"zz'))).toBe('SUMS_FOREIGN')
    expect(await answer(text.replace('"label":"payment"', '"label":"account"'))).toBe('SUMS_DIFFER')
  })

  test('is the same to a program of the page alone', async (context) => {
    const python = peftPython()
    if (python === undefined)
      return context.skip('numpy is not installed (node deploy/bootstrap/main.mjs --all)')
    const program = fileURLToPath(new URL('../../deploy/clients/verify.py', import.meta.url))
    const { version } = (await get('sums')).live as { version: string }
    const folder = join(daemon.folder, 'data', 'sums', 'versions', version)
    const run = async (events: string) => {
      const running = promisify(execFile)(python, [program, events, folder])
      const fail = (error: unknown) => error as { readonly stdout: string }
      return (await running.catch(fail)).stdout
    }
    expect(await run(file)).toContain(`equal ${version}`)
    expect(await run(join(daemon.folder, 'edited.jsonl'))).not.toContain('equal')
    const text = readFileSync(file, 'utf8')
    const edited = join(daemon.folder, 'lighter.jsonl')
    writeFileSync(edited, text.replace('"weight":1', '"weight":0.99'))
    expect(await run(edited)).toMatch(/^different/)
  })
})

describe('what a source is worth', () => {
  const topics = ['delivery', 'payment', 'account']
  const texts = ['where is my', 'a question about', 'please change the', 'I am angry about my']
  const lessons = ['desk', 'phone', 'mistaken'].flatMap((source) =>
    texts.flatMap((text) =>
      topics.map((topic, at) => ({
        ...{
          source,
          id: `${source} ${text} ${topic}`,
          input: `${text} ${topic}, said the ${source}`,
        },
        label: source === 'mistaken' ? topics[(at + 1) % 3] : topic,
      })),
    ),
  )
  interface Worths {
    readonly version: string
    readonly sources: readonly { readonly source: string; readonly digest: string }[]
  }

  test('is what the model answers without it, and is gone when it is forgotten', async () => {
    await post('worth/feedback', { events: lessons })
    await expect
      .poll(async () => get('worth'))
      .toMatchObject({ lag: 0, trainer: { state: 'idle' } })
    const { code, json } = await runCli(
      'sources',
      'worth',
      '--worth',
      '--url',
      daemon.url,
      '--json',
    )
    expect(code).toBe(0)
    const report = json() as Worths
    expect(report).toEqual(await get('worth/sources'))
    expect(report.sources.map(({ source }) => source).at(-1)).toBe('mistaken')
    const asked = ['where is my payment', 'please change the account']
    const flags = ['--model', 'worth', '--without', 'mistaken', '--url', daemon.url, '--json']
    const without = (await runCli('predict', ...asked, ...flags)).json() as Answers
    expect(without.version).toBe(report.version)
    expect(without.predictions.map(({ label }) => label)).toEqual(['payment', 'account'])
    const { request } = await post<{ request: string }>('worth/forget', { source: 'mistaken' })
    const certified = async () => get(`worth/forget/${request}`)
    await expect.poll(certified).toMatchObject({ state: 'done' })
    const { certificate } = (await certified()) as { certificate: { subtracted: number } }
    expect(certificate.subtracted).toBeGreaterThan(4)
    const { version } = (await get('worth')).live as { version: string }
    const { sums: left } = await get(`worth/versions/${version}`)
    expect((left as Digest).digest).toBe(report.sources.at(-1)!.digest)
    const same = await post<Answers>('worth/predict', { inputs: asked })
    const labelsIn = ({ predictions }: Answers) => predictions.map(({ label }) => label)
    expect(labelsIn(same)).toEqual(labelsIn(without))
  })

  test.each([
    ['worth', { without: 'stranger' }, 404, 'SOURCE_UNKNOWN'],
    ['worth', { without: 'desk', version: 'v1' }, 400, 'REQUEST_INVALID'],
    ['worth', { without: 'desk', because: 1 }, 400, 'REQUEST_INVALID'],
    ['worth', { because: 33 }, 400, 'REQUEST_INVALID'],
    ['m', { without: 'desk' }, 409, 'SUMS_UNKNOWN'],
    ['sums', undefined, 409, 'ROWS_MISSING'],
    ['m', undefined, 409, 'SUMS_UNKNOWN'],
  ])('is refused by its code: %s %j', async (name, more, status, code) => {
    const url = `${daemon.url}/v1/models/${name}`
    const body = JSON.stringify({ inputs: ['a'], ...more })
    const headers = { 'content-type': 'application/json' }
    const answer = await (more === undefined
      ? fetch(`${url}/sources`)
      : fetch(`${url}/predict`, { method: 'POST', body, headers }))
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      status,
      code,
    ])
  })
})

interface Digest {
  readonly digest: string
}
