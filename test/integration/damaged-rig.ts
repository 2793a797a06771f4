/** A daemon of two models that only answers, over stores that a test damages before it starts. No trainer, no TensorFlow. */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { freshAdapter } from '../../src/adapters/adapter.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { startDaemon } from '../../src/app/daemon.ts'
import { adapterOf, methodOf, modelOf, openBase } from '../../src/config/model-parts.ts'
import { openRegistry } from '../../src/app/model.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { Manifest } from '../../src/versions/contract.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { loadConfig, type Config } from '../../src/config/config.ts'
import { openRandom } from '../../src/platform/random.ts'
import { labelledPlan } from '../tasks/labelled-plan.ts'
import { scratchFolder } from '../scratch-folder.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }
const labels = ['no', 'yes']

export interface Damaged {
  readonly config: Config
  readonly path: string
  /** Of the model `a`. */
  file(name: string): string
}

/** Models `a` and `b`, each with versions v0 … v3, all of which were live, v3 last. */
export async function prepared(models: readonly string[] = ['a', 'b']): Promise<Damaged> {
  const folder = scratchFolder()
  const path = join(folder, 'antikythera.yaml')
  const model = `{ base: { features: { size: 2 } }, labels: [${labels.join()}], adapter: { method: head, tail_layers: 0 } }`
  const named = models.map((name) => `${name}: ${model}`).join(', ')
  const top = `server: { port: 0 }\nrole: server\nlog: { level: warn }\ndata_dir: ${join(folder, 'data')}\n`
  writeFileSync(path, `${top}models: { ${named} }\n`)
  const config = loadConfig(path)
  for (const name of models) await publish(config, name, 4)
  return { config, path, file: (name) => join(config.data_dir, 'a', name) }
}

export async function publish(
  config: Config,
  name: string,
  count: number,
  from = 0,
  spanOf = spanInInbox,
) {
  const settings = modelOf(config, name)
  const base = await openBase(settings.base)
  const parts = { clock: systemClock, log: silent }
  const registry = await openRegistry(config, name, base, parts)
  const adapter = adapterOf(settings)
  const plan = { base: viewOf(base, methodOf(settings), adapter), method: methodOf(settings) }
  for (let number = from; number < from + count; number += 1) {
    const version = `v${number}`
    const manifest: Manifest = {
      format: 1,
      ...{ model: name, version, digest: '', parent: number === 0 ? null : `v${number - 1}` },
      base: { name: base.name, hash: base.hash },
      ...{ task: 'classification', facts: { labels }, adapter },
      span: number === 0 ? {} : spanOf(number),
      ...{ events: 10 * number, events_new: number === 0 ? 0 : 10, steps: number },
      scores: { count: 0, accuracy: 0, accuracy_recent: 0, loss: 0 },
      ...{ decision: 'promote', reason: 'always', files: {}, created: '' },
    }
    const random = openRandom(number, name)
    const given = labelledPlan({ ...plan, config: adapter }, labels)
    const parameters = freshAdapter(given, random)
    await registry.publish({ manifest, parameters })
    const by = number === 0 ? 'start' : 'trainer'
    const expect = (await registry.live())?.generation ?? 0
    await registry.point({ version, expect, reason: 'test', by })
  }
  await registry.close()
}

function spanInInbox(number: number): Manifest['span'] {
  return { http: { '0': [String(10 * (number - 1)), String(10 * number)] } }
}

/** SQLite still knows the file and finds nonsense in it. */
export function spoil(path: string): void {
  remove(path)
  writeFileSync(path, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8192, 0xa5)]))
}

export function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) rmSync(path + suffix)
}

export async function start(config: Config) {
  const daemon = await startDaemon(config, { log: silent })
  onTestFinished(async () => daemon.close())
  await daemon.ready()
  const call = async (path: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json' }
    const post = { method: 'POST', headers, body: JSON.stringify(body) }
    const response = await fetch(daemon.url + path, body === undefined ? {} : post)
    const json = (await response.json()) as Record<string, unknown>
    return { status: response.status, json }
  }
  return {
    daemon,
    call,
    predict: async (model: string) =>
      call(`/v1/models/${model}/predict`, { inputs: [{ features: [1, 2] }] }),
    feedback: async (model: string) =>
      call(`/v1/models/${model}/feedback`, { input: { features: [1, 2] }, label: 'yes' }),
  }
}
