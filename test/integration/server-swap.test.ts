/** Law 6 with nothing faked: base, engine, registry on disk, HTTP. */
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openBundle } from '../../src/adapters/peft/bundle.ts'
import { lora } from '../../src/adapters/lora.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Version } from '../../src/versions/contract.ts'
import { openLocalRegistry, type LocalRegistry } from '../../src/versions/local/local.ts'
import { openAuditLog } from '../../src/platform/audit/audit-log.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { openMetrics, type Metrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import { Batcher } from '../../src/serving/engine/batcher.ts'
import { openServingEngine, type ServingEngine } from '../../src/serving/engine/engine.ts'
import type { LiveModel } from '../../src/serving/live/contract.ts'
import { openLiveModel } from '../../src/serving/live/live-model.ts'
import { openServer, type Server } from '../../src/api/http/server.ts'
import { openV1 } from '../../src/api/v1/surface.ts'
import { openServices } from '../../src/serving/services/services.ts'
import { classificationOf, ofRow } from '../tasks/classification-of.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { randomVersion } from '../nn/random-version.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { settled } from '../serving/fake-clock.ts'
import { openFakeLog } from '../serving/fake-log.ts'
import { report } from '../api/open-served.ts'

const parts = { methods: { lora }, tasks: { classification } }
const labels = ['negative', 'positive']
const versions = 8
const texts = ['good', 'what a lovely phone', 'the worst of all the films that I have ever seen']
const log = openFakeLog()

let base: Base
let engine: ServingEngine
let registry: LocalRegistry
let live: LiveModel
let metrics: Metrics
let server: Server
let port: number

async function open(): Promise<void> {
  base = await openUseLite()
  engine = await openServingEngine({ base, ...parts, workers: 1 })
  metrics = openMetrics()
  registry = await openLocalRegistry({
    folder: scratchFolder(),
    model: 'm',
    base: { name: base.name, hash: base.hash },
    task: classification.kind,
    bundle: openBundle({ base, ...parts }),
    clock: systemClock,
    log,
  })
  for (let number = 0; number < versions; number += 1) await registry.publish(versionOf(number))
  await registry.point({ version: 'v0', expect: 0, reason: 'start', by: 'start' })
  await openHttp()
  onTestFinished(async () => {
    await server.close()
    await live.close()
    await engine.close()
    await registry.close()
    metrics.close()
  })
}

function versionOf(number: number): Version {
  const config = { method: 'lora', rank: 4, alpha: 8, tail_layers: 1 }
  const plan = labelledPlan({ base, method: lora, config }, labels)
  const { manifest, parameters } = randomVersion(plan, openRandom(number, 'swap'))
  return { parameters, manifest: { ...manifest, model: 'm', version: `v${number}` } }
}

async function openHttp(): Promise<void> {
  const bounds = { lanes: 1, rowsPerRun: 8, queue: 1024, queueBytes: 1e6, waitMs: 10_000 }
  const batcher = new Batcher({ engine, clock: systemClock, metrics, ...bounds })
  let ids = 0
  live = await openLiveModel({
    ...{
      model: 'm',
      base,
      task: classificationOf({ known: labels }),
      maxTokens: 64,
      batcher,
      registry,
      engine,
    },
    ...{
      idleVersions: 0,
      mostVersions: 4,
      shadowRows: 64,
      retry: { delayMs: () => 1000 },
      clock: systemClock,
      metrics,
      log,
    },
    predictions: { record: () => {} },
    predictionId: () => `p-${(ids += 1)}`,
  })
  const feedback = { take: () => Promise.reject(new Error('not here')), unread: () => 0 }
  const services = openServices({
    models: [
      {
        ...{ name: 'm', base, method: 'lora', live, registry, feedback, waitingRows: () => 0 },
        task: classificationOf({ known: labels }),
        deadLetters: { page: () => [], find: () => undefined, remove: () => 0, kept: () => ({}) },
      },
    ],
    trainer: { status: () => report },
    identity: { replica: 'here', role: 'all' },
    ...{
      limits: defaultLimits,
      clock: systemClock,
      audit: await openAuditLog({
        folder: join(scratchFolder(), 'audit'),
        bytes: defaultLimits.audit_bytes,
      }),
    },
  })
  server = await openServer({
    ...{ services, surfaces: [openV1(services)] },
    ...{
      limits: defaultLimits,
      auth: () => undefined,
      log,
      metrics,
      clock: systemClock,
      version: '0',
    },
  })
  ;({ port } = await server.listen({ host: '127.0.0.1', port: 0 }))
}

interface Answer {
  readonly named: string | undefined
  readonly version: string
  readonly digest: string
  readonly predictions: readonly { readonly scores: Readonly<Record<string, number>> }[]
}

function post<Body>(path: string, body: object): Promise<Body & { named?: string | undefined }> {
  return new Promise((resolve, reject) => {
    const options = { port, method: 'POST', path: `/v1/models/m/${path}` }
    const headers = { 'content-type': 'application/json' }
    const sent = request({ ...options, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        const named = response.headers['x-antikythera-version'] as string | undefined
        if (response.statusCode === 200) resolve({ ...(JSON.parse(text) as Body), named })
        else reject(new Error(`${path}: ${text}`))
      })
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

test('swaps, rollbacks and pinned versions under load: no failure, and every answer is what its version computes', async () => {
  await open()
  const answers: (Answer & { readonly text: string })[] = []
  let asking = true
  const ask = async (client: number) => {
    for (let turn = client; asking; turn += 1) {
      const text = texts[turn % texts.length]!
      const pinned = turn % 11 === 0 ? { version: 'v0' } : {}
      answers.push({ text, ...(await post<Answer>('predict', { inputs: [text], ...pinned })) })
    }
  }
  const clients = [0, 1, 2, 3].map(ask)
  for (let swap = 1; swap <= 24; swap += 1) {
    const version = `v${1 + (swap % (versions - 1))}`
    if (swap % 6 === 0) await post('rollback', { reason: 'test' })
    else {
      // Some of them were taken back by a rollback before.
      const move = { version, reason: 'test', undone: true }
      const { live: now } = await post<{ live: string }>('promote', move)
      expect(now).toBe(version)
      // Each is asked at least once, however the clients and the swaps share the machine.
      while (!answers.some((answer) => answer.version === now)) await settled()
    }
  }
  asking = false
  await Promise.all(clients)
  expect(new Set(answers.map(({ version }) => version)).size).toBeGreaterThan(5)
  await recompute(answers)
  expect((await registry.live())?.generation).toBe(25)
})

/** One row at a time, in an engine of its own. */
async function recompute(answers: readonly (Answer & { readonly text: string })[]): Promise<void> {
  const fresh = await openServingEngine({ base, ...parts, workers: 1 })
  for (let number = 0; number < versions; number += 1)
    await fresh.load(`v${number}`, await registry.load(`v${number}`))
  const known = new Map<string, object>()
  for (const { text, version, digest, named, predictions } of answers) {
    const key = `${version} ${text}`
    if (!known.has(key)) {
      const encoded = base.encode({ kind: 'text', text }, 64)
      const [logits] = await fresh.run([{ adapter: version, encoded }])
      known.set(key, classificationOf().decode(logits!, ofRow({ labels })).scores)
    }
    expect(predictions[0]?.scores).toEqual(known.get(key))
    expect(named).toBe(version)
    expect(digest).toBe((await registry.manifest(version)).digest)
  }
  await fresh.close()
}
