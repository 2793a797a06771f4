/**
 * A canary in a fleet: two daemons over a real Redis act on the same routing, the same key gets the same version from
 * either of them, feedback may reach the other one, and a successor goes on with a trial that its predecessor began.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { openRandom } from '../../src/platform/random.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'

beforeEach((context) => needsRedis(context))

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const random = openRandom(1, 'users of a fleet')

interface Daemon {
  readonly process: ChildProcess
  readonly url: string
}

interface Model {
  readonly live: { readonly version: string }
  readonly lag: number
  readonly trainer: { readonly state: string }
  readonly trial?: { readonly version: string; readonly candidate: { readonly judged: number } }
}

interface Predicted {
  readonly version: string
  readonly generation: number
  readonly arm?: string
  readonly predictions: readonly { readonly id: string }[]
}

async function startIn(folder: string, redis: string): Promise<Daemon> {
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
  writeFileSync(join(folder, 'antikythera.yaml'), settings)
  const args = [main, 'serve', '--config', 'antikythera.yaml', '--json']
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended(child)
  })
  const { url } = JSON.parse(await firstLine(child)) as { url: string }
  await until(async () => (await fetch(`${url}/readyz`)).ok)
  return { process: child, url }
}

/** The machine may be busy, and a lease has to end. */
const until = async (isSo: () => Promise<boolean>) =>
  vi.waitUntil(isSo, { timeout: 120_000, interval: 50 })

async function post<Answer>({ url }: Daemon, path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  return (await (await fetch(`${url}/v1/models/m/${path}`, request)).json()) as Answer
}

const model = async ({ url }: Daemon) => (await (await fetch(`${url}/v1/models/m`)).json()) as Model

let users = 0

/** Each of them asks every daemon under one key; the answer of one is judged at another. */
async function usersAsk(daemons: readonly Daemon[], count: number): Promise<Predicted[][]> {
  const all: Predicted[][] = []
  for (let asked = 0; asked < count; asked += 1) {
    const features = [random.normal(), random.normal()]
    const body = { inputs: [{ features }], key: `user-${(users += 1)}` }
    const answers = await Promise.all(
      daemons.map(async (daemon) => post<Predicted>(daemon, 'predict', body)),
    )
    all.push(answers)
    const judged = answers[users % daemons.length]!.predictions[0]!.id
    const feedback = { prediction_id: judged, label: features[0]! > 0 ? 'yes' : 'no' }
    await post(daemons[(users + 1) % daemons.length]!, 'feedback', feedback)
  }
  await until(async () => (await model(daemons[0]!)).lag === 0)
  return all
}

async function usersUntil(
  daemons: readonly Daemon[],
  isSo: (model: Model) => boolean,
): Promise<readonly Predicted[][]> {
  const all: Predicted[][] = []
  for (let round = 0; round < 50; round += 1) {
    all.push(...(await usersAsk(daemons, 20)))
    if (isSo(await model(daemons[0]!))) return all
  }
  throw new Error(`not so after 1000 users: ${JSON.stringify(await model(daemons[0]!))}`)
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
    const isStandby = async (daemon: Daemon) => (await model(daemon)).trainer.state === 'standby'
    const [trainer, other] = (await isStandby(one)) ? [two, one] : [one, two]
    const { trial, live } = await model(trainer)
    trainer.process.kill('SIGKILL')
    await until(async () => !(await isStandby(other)) && (await model(other)).trial !== undefined)
    expect((await model(other)).live.version).toBe(live.version)
    await usersUntil([other], ({ live: { version } }) => version === trial!.version)
  },
)
