/** Instant memory in the daemon as a user starts it: one correction, no step, another answer; also after kill -9. */
import { expect, test } from 'vitest'
import { oneDaemon } from './one-daemon.ts'

const model = `
    labels: [delivery, payment, account]
    adapter: { method: head }
    trigger: { policy: count, every: 1000, rest: 0 }
    memory: { policy: knn, threshold: 0.6 }`

const daemon = oneDaemon(`server: { port: 0 }\nlog: { level: warn }\nmodels:\n  m:${model}\n`)
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

test('a daemon that was killed answers as before, and goes on remembering', async () => {
  await daemon.kill()
  await daemon.start()
  expect(await labels()).toEqual(['account', 'account', 'unsure'])
  await post('m/feedback', { id: 'c-2', input: other, label: 'payment' })
  await expect.poll(() => labels()).toEqual(['account', 'account', 'payment'])
})
