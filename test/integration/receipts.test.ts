/**
 * Receipts through the whole daemon: thousands of events over HTTP, labels that come late, and a rollback.
 * `ANTIKYTHERA_FAULTS=full` sends 10,000, and asks for each.
 */
import { expect, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { isFull } from './fleet-world.ts'
import { oneDaemon } from './one-daemon.ts'
import { runCli } from '../cli/run-cli.ts'

const EVENTS = isFull ? 10_000 : 2000
const LATE = EVENTS / 5
const UPDATES = 20

const random = openRandom(1, 'late labels')
const model = `m: { labels: [no, yes], base: { features: { size: 2 } }, adapter: { method: head }, trigger: { policy: count, every: ${EVENTS / UPDATES} } }`
const daemon = oneDaemon(`server: { port: 0 }\nlog: { level: warn }\nmodels:\n  ${model}\n`)
const { post, get } = daemon

interface Receipt {
  readonly state: string
  readonly version?: string
  readonly weight?: number
  readonly waiting_for?: string
  readonly code?: string
  readonly rollback?: { readonly to: string; readonly reason: string }
}

interface Status {
  readonly lag: number
  readonly live: { readonly version: string }
  readonly counts: Readonly<Record<string, number>>
  readonly receipts: Readonly<Record<string, number>>
}

const status = () => get<Status>('m')
const receipt = (id: string, query = '') => get<Receipt>(`m/feedback/${id}${query}`)

function point(): { features: number[]; label: string } {
  const features = [random.normal(), random.normal()]
  return { features, label: features[0]! > 0 ? 'yes' : 'no' }
}

/** Every fifth event labels a prediction that was served at any time before. */
async function events(): Promise<{ id: string; weight?: number }[]> {
  const asked = Array.from({ length: LATE }, point)
  const ids: string[] = []
  for (let from = 0; from < LATE; from += 200) {
    const inputs = asked.slice(from, from + 200).map(({ features }) => ({ features }))
    const { predictions } = await post<{ predictions: { id: string }[] }>('m/predict', { inputs })
    ids.push(...predictions.map(({ id }) => id))
  }
  const places = new Set<number>()
  while (places.size < LATE) places.add(Math.floor(random.uniform() * EVENTS))
  let late = 0
  return Array.from({ length: EVENTS }, (_, at) => {
    const id = `e-${at}`
    if (!places.has(at)) {
      const { features, label } = point()
      return { id, input: { features }, label, slice: at % 2 === 0 ? 'even' : 'odd' }
    }
    const said = { id, prediction_id: ids[late], label: asked[late]!.label, weight: 2 }
    late += 1
    return said
  })
}

async function receiptsOf(ids: readonly string[]): Promise<readonly Receipt[]> {
  const found: Receipt[] = []
  const left = [...ids.entries()]
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop())
      found[next[0]] = await receipt(next[1])
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return found
}

function byState(receipts: readonly Receipt[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of receipts) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

test('each event has a receipt, and the states add up, before and after a rollback', async () => {
  const all = await events()
  for (let from = 0; from < EVENTS; from += 1000)
    await post('m/feedback', { events: all.slice(from, from + 1000) })
  // Each once more, which changes nothing.
  await post('m/feedback', { events: all.slice(0, 1000) })
  const isLearned = async () => (await status()).receipts.learned === EVENTS
  await vi.waitUntil(isLearned, { timeout: 80_000, interval: 100 })
  // One question an event: the counts say that none is missing, and these are the late ones and, unless the run is full, a part of the others.
  const asked = all.filter(({ weight }, at) => isFull || weight === 2 || at % 8 === 0)
  const receipts = await receiptsOf(asked.map(({ id }) => id))
  expect(byState(receipts)).toEqual({ learned: asked.length })
  expect(receipts.map(({ weight }) => weight)).toEqual(asked.map(({ weight = 1 }) => weight))
  const versions = new Set(receipts.map(({ version }) => version))
  expect(versions.size).toBe(UPDATES)

  await post('m/rollback', { to: 'v10', reason: 'a bad half' })
  const isAside = async () => (await status()).receipts.set_aside === EVENTS / 2
  await vi.waitUntil(isAside, { timeout: 60_000, interval: 100 })
  const after = await receiptsOf(all.filter((_, at) => at % 10 === 0).map(({ id }) => id))
  expect(byState(after)).toEqual({ learned: EVENTS / 20, set_aside: EVENTS / 20 })
  expect(after.at(-1)).toMatchObject({
    version: 'v20',
    rollback: { to: 'v10', reason: 'a bad half' },
  })
  const { weight = 1 } = all[0]!
  expect(after[0]).toMatchObject({ state: 'learned', version: 'v1', weight })
  const { receipts: counts } = await status()
  expect(Object.values(counts).reduce((sum, each) => sum + each, 0)).toBe(EVENTS)
}, 240_000)

test('what waits, was refused, or was retracted says so; what was never sent is unknown', async () => {
  const input = { features: [1, 1] }
  await post('m/feedback', { id: 'w', prediction_id: 'never', label: 'yes' })
  await post('m/feedback', { id: 'u', source: 'desk', input, label: 'yes' })
  await post('m/feedback', { id: 'x', input, label: 'maybe' })
  await post('m/feedback', { id: 'e-3', retract: true })
  await vi.waitUntil(async () => (await receipt('w')).state === 'waiting', { timeout: 30_000 })
  expect(await receipt('w')).toMatchObject({ waiting_for: 'prediction' })
  await vi.waitUntil(async () => (await receipt('e-3')).state === 'retracted', { timeout: 30_000 })
  const desk = async () => (await receipt('u', '?source=desk')).state
  expect(['waiting', 'learned']).toContain(await desk())
  expect(await receipt('u')).toMatchObject({ code: 'FEEDBACK_UNKNOWN' })
  expect(await receipt('nobody')).toMatchObject({ code: 'FEEDBACK_UNKNOWN' })
  const { stdout } = await runCli('receipt', 'w', '--model', 'm', '--url', daemon.url)
  expect(stdout).toContain('w: waits for the prediction that it names')
  const aside = await runCli('receipt', `e-${0.9 * EVENTS}`, '--model', 'm', '--url', daemon.url)
  expect(aside.stdout).toContain('to v10')
  const { code } = await runCli('receipt', 'nobody', '--model', 'm', '--url', daemon.url)
  expect(code).toBe(66)
})
