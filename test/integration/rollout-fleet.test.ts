/**
 * A canary in a fleet: two daemons over a real Redis act on the same routing, the same key gets the same version from
 * either of them, feedback may reach the other one, and a successor goes on with a trial that its predecessor began.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { removed } from '../scratch-folder.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'
import { daemonIn, type OneDaemon } from './one-daemon.ts'

beforeEach((context) => needsRedis(context))

const random = openRandom(1, 'users of a fleet')

interface Model {
  readonly live: { readonly version: string }
  readonly lag: number
  readonly trainer: { readonly state: string }
  readonly trial?: { readonly version: string; readonly candidate: { readonly judged: number } }
}

interface Receipt {
  readonly state?: string
  readonly code?: string
}

interface Predicted {
  readonly version: string
  readonly generation: number
  readonly arm?: string
  readonly predictions: readonly { readonly id: string }[]
}

async function startIn(folder: string, redis: string): Promise<OneDaemon> {
  mkdirSync(folder)
  const settings = `server: { port: 0 }
replica: ${folder.endsWith('one') ? 'one' : 'two'}
redis: { url: "${redis}" }
log: { level: error }
models:
  m:
    base: { features: { size: 2 } }
    labels: [no, yes]
    adapter: { method: head }
    train: { head_learning_rate: 0.05 }
    trigger: { policy: count, every: 40, rest: 0 }
    rollout: { policy: canary, share: 0.2, factor: 3, judged: 10 }
`
  const daemon = daemonIn(folder)
  writeFileSync(daemon.config, settings)
  onTestFinished(() => daemon.kill())
  await daemon.start()
  return daemon
}

/** The machine may be busy, and a lease has to end. */
const until = async (isSo: () => Promise<boolean>) =>
  vi.waitUntil(isSo, { timeout: 120_000, interval: 50 })

const model = ({ get }: OneDaemon) => get<Model>('m')

let users = 0

/** Each of them asks every daemon under one key; the answer of one is judged at another. */
async function usersAsk(daemons: readonly OneDaemon[], count: number): Promise<Predicted[][]> {
  const all: Predicted[][] = []
  for (let asked = 0; asked < count; asked += 1) {
    const features = [random.normal(), random.normal()]
    const body = { inputs: [{ features }], key: `user-${(users += 1)}` }
    const answers = await Promise.all(
      daemons.map(async (daemon) => daemon.post<Predicted>('m/predict', body)),
    )
    all.push(answers)
    const judged = answers[users % daemons.length]!.predictions[0]!.id
    const feedback = { prediction_id: judged, label: features[0]! > 0 ? 'yes' : 'no' }
    await daemons[(users + 1) % daemons.length]!.post('m/feedback', feedback)
  }
  await until(async () => (await model(daemons[0]!)).lag === 0)
  return all
}

async function usersUntil(
  daemons: readonly OneDaemon[],
  isSo: (model: Model) => boolean,
): Promise<readonly Predicted[][]> {
  const all: Predicted[][] = []
  for (let round = 0; round < 50; round += 1) {
    all.push(...(await usersAsk(daemons, 20)))
    if (isSo(await model(daemons[0]!))) return all
  }
  throw new Error(`not so after 1000 users: ${JSON.stringify(await model(daemons[0]!))}`)
}

/** Both daemons say the same of an event that one of them took in. */
async function expectOneReceipt(daemons: readonly OneDaemon[]): Promise<void> {
  const input = { features: [1, 1] }
  await daemons[0]!.post('m/feedback', { id: 'asked', input, label: 'yes' })
  const receipts = async (id: string) =>
    Promise.all(daemons.map(async ({ get }) => get<Receipt>(`m/feedback/${id}`)))
  await until(async () => {
    const [one, two] = await receipts('asked')
    return one!.state === two!.state && ['waiting', 'learned'].includes(one!.state!)
  })
  const unknown = await receipts('never')
  expect(unknown.map(({ code }) => code)).toEqual(['FEEDBACK_UNKNOWN', 'FEEDBACK_UNKNOWN'])
}

test(
  'two daemons follow one canary, and a successor finishes the trial',
  { timeout: 300_000 },
  async () => {
    const redis = await redisForTest()
    const folder = mkdtempSync(join(tmpdir(), 'antikythera-rollout-fleet-'))
    onTestFinished(() => removed(folder))
    const one = await startIn(join(folder, 'one'), redis.url)
    const two = await startIn(join(folder, 'two'), redis.url)

    const answers = await usersUntil([one, two], ({ live }) => live.version !== 'v0')
    const atOnce = answers.filter(([here, there]) => here!.generation === there!.generation)
    for (const [here, there] of atOnce) expect(here!.version).toBe(there!.version)
    expect(atOnce.filter(([here]) => here!.arm === 'canary').length).toBeGreaterThan(10)

    await usersUntil([one, two], ({ trial }) => (trial?.candidate.judged ?? 0) > 0)
    const isStandby = async (daemon: OneDaemon) => (await model(daemon)).trainer.state === 'standby'
    const [trainer, other] = (await isStandby(one)) ? [two, one] : [one, two]
    const { trial, live } = await model(trainer)
    await expectOneReceipt([other, trainer])
    await trainer.kill()
    await until(async () => !(await isStandby(other)) && (await model(other)).trial !== undefined)
    expect((await model(other)).live.version).toBe(live.version)
    await usersUntil([other], ({ live: { version } }) => version === trial!.version)
  },
)
