/** `up` as a developer runs it: a process that starts the others, and takes them with it. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { parse } from 'yaml'
import { redisServerVersion } from '../../src/cli/services/redis-server.ts'
import { topicReaders, topicsOf, upConfig } from '../../src/cli/up/configs.ts'
import { parseConfig } from '../../src/config/config.ts'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('src/cli/main.ts'))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-up-'))
const started: ChildProcess[] = []

afterAll(async () => {
  for (const child of started) child.kill('SIGTERM')
  await Promise.all(started.map(ended))
  await removed(folder)
})

interface Told {
  readonly redis: string
  readonly replicas: readonly {
    readonly name: string
    readonly url: string
    readonly pid: number
  }[]
}

const config = join(folder, 'mine.yaml')
const token = 'a-token-of-enough-length'

const flagsIn = (folder: string) =>
  ['--folder', join(folder, 'up'), '--config', config, '--port', '0', '--no-kafka'] as const

async function up(): Promise<{
  readonly child: ChildProcess
  readonly told: Told
  readonly lines: readonly string[]
}> {
  const model = '{ labels: [no, yes], base: { features: { size: 2 } }, adapter: { method: head } }'
  const auth = `{ tokens: [${token}] }`
  writeFileSync(
    config,
    `server: { auth: ${auth} }\nlog: { level: warn }\nmodels: { m: ${model} }\n`,
  )
  const child = spawn(process.execPath, [main, 'up', '--json', ...flagsIn(folder)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(line))
  return { child, told: JSON.parse(await firstLine(child)) as Told, lines }
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('it starts Redis and two replicas of a config, a killed one comes back at its address, and one signal ends all of them in order', async (context) => {
  if (redisServerVersion() === undefined) context.skip('redis-server is not installed')
  const { child, told, lines } = await up()
  expect(told.replicas.map(({ name }) => name)).toEqual(['replica-1', 'replica-2'])
  for (const { url } of told.replicas) {
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, {
      timeout: 60_000,
      interval: 100,
    })
    expect(await (await fetch(`${url}/v1/fleet`)).json()).toMatchObject({
      models: [{ model: 'm' }],
    })
  }
  const second = spawn(process.execPath, [main, 'up', '--json', ...flagsIn(folder)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  started.push(second)
  const { error } = JSON.parse(await text(second.stderr)) as { readonly error: object }
  expect(error).toMatchObject({ code: 'DATA_DIR_LOCKED' })
  const written = readFileSync(join(folder, 'up/replica-1.yaml'), 'utf8')
  expect(parse(written)).toMatchObject({ replica: 'replica-1', redis: { url: told.redis } })
  expect(written).not.toContain(token)
  const [, killed] = told.replicas
  process.kill(killed!.pid, 'SIGKILL')
  const again = `replica-2 | runs again at ${killed!.url}`
  await vi.waitUntil(() => lines.includes(again), { timeout: 60_000, interval: 100 })
  expect(lines).toContain('replica-2 | ended: SIGKILL; it starts again in 1 s')
  expect((await fetch(`${killed!.url}/livez`)).ok).toBe(true)
  child.kill('SIGINT')
  await ended(child)
  expect(child.exitCode).toBe(0)
  for (const { url } of told.replicas) await expect(fetch(`${url}/livez`)).rejects.toThrow()
  expect(told.replicas.filter(({ pid }) => isAlive(pid))).toEqual([])
  await expect(fetch(told.redis.replace('redis:', 'http:'))).rejects.toThrow()
})

test('a replica that cannot start is refused with its own code', async (context) => {
  if (redisServerVersion() === undefined) context.skip('redis-server is not installed')
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as AddressInfo
  const own = mkdtempSync(join(folder, 'taken-'))
  const flags = [...flagsIn(own), '--port', String(port)]
  const child = spawn(process.execPath, [main, 'up', '--json', ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  started.push(child)
  const lines = (await text(child.stderr)).trim().split('\n')
  const { error } = JSON.parse(lines.at(-1) ?? '') as { readonly error: object }
  expect(error).toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining('replica-1') as string,
  })
})

const places = { folder: '/data/up', port: 8080, redisUrl: 'redis://127.0.0.1:1' }

test('each replica has a name, a port and a folder of its own, and all share one Redis', () => {
  const first = parseConfig(JSON.stringify(upConfig(1, places)), '/')
  const second = parseConfig(JSON.stringify(upConfig(2, places)), '/')
  expect([first.server.port, second.server.port]).toEqual([8080, 8081])
  expect([first.replica, second.replica]).toEqual(['replica-1', 'replica-2'])
  expect(new Set([first.data_dir, second.data_dir]).size).toBe(2)
  expect(second.redis).toEqual(first.redis)
  // No broker, no source that would wait for one.
  expect(first.models.sentiment?.sources).toEqual([{ http: {} }])
})

test('with a broker, the model also reads a topic there, and a command that sends to it is shown', () => {
  const broker = { ...places, brokers: ['127.0.0.1:9092'] }
  const config = upConfig(1, broker)
  const [reader] = topicReaders(broker)
  expect(reader).toMatchObject({ topic: 'feedback', model: 'sentiment' })
  expect(reader?.command).toMatch(
    /^echo '\{"input":.*\| npx antikythera feedback sentiment --kafka 127.0.0.1:9092 --topic feedback --file -$/,
  )
  expect(topicReaders(places)).toEqual([])
  expect(topicsOf(config)).toEqual(['feedback'])
  expect(config).toMatchObject({
    models: { sentiment: { sources: [{ http: {} }, { kafka: { brokers: ['127.0.0.1:9092'] } }] } },
  })
})

test('a user’s own model keeps a sink that is a file, and a secret that a variable gives stays out of the written config', () => {
  const secret = 'a-secret-of-enough-length'
  const environment = { CRM_SECRET: secret }
  const sinks = '{ dead_letters: { file: { path: /letters.jsonl } } }'
  const defence = '{ sources: { crm: { secret_env: CRM_SECRET } } }'
  const model = `{ labels: [no, yes], defence: ${defence}, sinks: ${sinks} }`
  const given = parseConfig(`models: { m: ${model} }`, '/', { environment })
  for (const brokers of [undefined, ['127.0.0.1:9092']]) {
    const config = upConfig(1, { ...places, brokers }, given)
    expect(topicsOf(config)).toEqual([])
    const written = JSON.stringify(config)
    expect(written).not.toContain(secret)
    expect(parseConfig(written, '/', { environment }).models.m).toEqual(given.models.m)
  }
})
