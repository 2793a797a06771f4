/**
 * A daemon with one trainer of a Kafka topic and with shards of it, killed again and again: the sums are the same to the bit, and
 * what a person takes back is gone from every shard.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { removed, scratchFolder } from '../scratch-folder.ts'
import { makeTopic, needsKafka, produce, sharedKafka } from '../services/kafka.ts'
import { runCli } from '../cli/run-cli.ts'
import { needsRedis, redisForTest } from '../services/redis.ts'
import { daemonIn } from './one-daemon.ts'

const isFull = process.env.ANTIKYTHERA_FAULTS === 'full'
const [KILLS, EVENTS] = isFull ? [20, 600] : [1, 40]

/** Ten processes start again at once, each with TensorFlow, on two cores that others use too. */
const waits = { timeout: isFull ? 400_000 : 120_000, interval: 100 }

interface ShownModel {
  readonly live: { readonly version: string } | null
  readonly lag: number
  readonly pending: number
  readonly trainer: { readonly pid?: number; readonly state: string }
}

interface ShownVersion {
  readonly sums: { readonly digest: string; readonly examples: number }
  readonly shards?: readonly { readonly model: string; readonly span: object }[]
}

function lessonsOf(count: number): readonly string[] {
  const { below } = openRandom(count, 'lessons')
  const subjects = [
    'parcel',
    'invoice',
    'password',
    'refund',
    'courier',
    'login',
    'address',
    'receipt',
  ]
  return Array.from({ length: count }, (_, at) => {
    const id = `e-${below(count)}`
    if (below(12) === 0) return JSON.stringify({ id, source: 'desk', retract: true })
    const input = `${subjects[below(subjects.length)]} ${subjects[below(subjects.length)]} ${at % 50}`
    return JSON.stringify({
      id,
      source: 'desk',
      input,
      label: ['delivery', 'payment', 'account'][below(3)],
    })
  })
}

test.for(isFull ? [2, 4, 8] : [2])(
  'the sums of %i shards are those of one trainer, whatever is killed',
  { timeout: isFull ? 1_800_000 : 180_000 },
  async (of, context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 3)
    const folder = mkdtempSync(join(tmpdir(), 'antikythera-shards-'))
    const daemon = daemonIn(folder)
    onTestFinished(async () => {
      await daemon.kill()
      await removed(folder)
    })
    writeFileSync(daemon.config, configOf(brokers, topic, of))
    await daemon.start()
    const show = (name: string) => daemon.get<ShownModel>(name)
    const live = async (name: string) => {
      const { version } = (await show(name)).live!
      return daemon.get<ShownVersion>(`${name}/versions/${version}`)
    }
    const isRead = async (name: string) => {
      const { lag, pending, trainer } = await show(name)
      return trainer.state === 'idle' && lag === 0 && pending === 0
    }
    const settled = async () => {
      await vi.waitUntil(async () => (await isRead('one')) && (await isRead('sums')), waits)
      await expect
        .poll(async () => (await live('sums')).sums.digest, { timeout: 60_000, interval: 200 })
        .toBe((await live('one')).sums.digest)
    }
    const lessons = lessonsOf(EVENTS)
    const shards = Array.from({ length: of }, (_, at) => `sums.shard-${at}-of-${of}`)
    const actors = [...shards, 'sums']
    const killed = async (actor: string) => {
      const pidOf = async () => (await show(actor)).trainer.pid
      const pid = await vi.waitUntil(pidOf, waits)
      process.kill(pid, 'SIGKILL')
      await vi.waitUntil(async () => ![undefined, pid].includes(await pidOf()), waits)
    }
    const step = EVENTS / KILLS
    for (let kill = 0; kill < KILLS; kill += 1) {
      const now = lessons.slice(Math.round(step * kill), Math.round(step * (kill + 1)))
      await produce(brokers, topic, now.map(keyed))
      // Each at another place of the stream.
      await Promise.all(
        actors.map(async (actor, at) => {
          await sleep((37 * (at + kill)) % 250)
          await killed(actor)
        }),
      )
      // A trainer that ends again and again without learning anything is left out.
      await vi.waitUntil(async () => isRead('sums'), waits)
    }
    await settled()
    const { shards: parts, sums } = await live('sums')
    expect(parts!.map(({ model: name }) => name)).toEqual(shards)
    expect(sums.examples).toBeGreaterThan(EVENTS / 4)
    const verified = await runCli('verify', 'sums', '--config', daemon.config, '--json')
    expect(verified.json()).toMatchObject({ equal: true, digest: sums.digest })
    if (isFull) process.stdout.write(`${of} shards, ${KILLS} kills each: ${sums.digest}\n`)

    const { version: before } = (await show('sums')).live!
    await produce(brokers, topic, [
      keyed('{"id":"late","source":"desk","input":"a late parcel","label":"delivery"}'),
    ])
    await settled()
    await daemon.post('sums/rollback', { to: before, reason: 'a test' })
    await expect.poll(async () => (await live('sums')).sums.digest).toBe(sums.digest)
    const newestMoves = async () =>
      Promise.all(
        shards.map(async (name) => {
          const path = `${name}/history?limit=1`
          return (await daemon.get<{ moves: readonly { by: string }[] }>(path)).moves[0]?.by
        }),
      )
    await expect.poll(newestMoves, waits).toEqual(shards.map(() => 'rollback'))
  },
)

// The full run alone has it: two daemons with four processes each.
test.for(isFull ? [2] : [])(
  'in a fleet another daemon goes on with the %i shards and the merger of one that is killed',
  { timeout: 600_000 },
  async (of, context) => {
    needsKafka(context)
    needsRedis(context)
    const brokers = await sharedKafka()
    const [topic, redis] = await Promise.all([makeTopic(brokers, 3), redisForTest()])
    const daemons = ['a', 'b'].map((replica) => {
      const folder = scratchFolder()
      const daemon = daemonIn(folder)
      const fleet = `replica: ${replica}\nredis: { url: "${redis.url}" }\nfleet: { copy_seconds: 1 }\n`
      writeFileSync(daemon.config, fleet + configOf(brokers, topic, of))
      return daemon
    })
    onTestFinished(async () => {
      await Promise.all(daemons.map(async (daemon) => daemon.kill()))
    })
    const [a, b] = [daemons[0]!, daemons[1]!]
    await Promise.all([a.start(), b.start()])
    const lessons = lessonsOf(EVENTS).map(keyed)
    const digestOf = async (name: string) => {
      const { live } = await b.get<ShownModel>(name)
      const { sums } = await b.get<ShownVersion>(`${name}/versions/${live!.version}`)
      return `${sums.digest} ${sums.examples}`
    }
    const agree = async (least: number) => {
      const [one, merged] = [await digestOf('one'), await digestOf('sums')]
      return one === merged && Number(one.split(' ')[1]) > least
    }
    await produce(brokers, topic, lessons.slice(0, EVENTS / 2))
    await vi.waitUntil(async () => agree(EVENTS / 6), waits)
    const before = Number((await digestOf('sums')).split(' ')[1])
    await a.kill()
    await produce(brokers, topic, lessons.slice(EVENTS / 2))
    await vi.waitUntil(async () => agree(before), { timeout: 300_000, interval: 500 })
  },
)

function configOf(brokers: readonly string[], topic: string, of: number): string {
  const source = `{ kafka: { brokers: ${JSON.stringify(brokers)}, topic: ${topic} } }`
  const model = `labels: [delivery, payment, account], adapter: { method: ranpac, features: 64 }, trigger: { policy: count, every: 1 }, sources: [${source}]`
  return `server: { port: 0 }
log: { level: error }
limits: { retractions_ahead: 100 }
models:
  one: { ${model} }
  sums: { ${model}, shards: ${of} }
`
}

/** An event and what takes it back lie in one partition, and so in one order for every reader. */
function keyed(value: string) {
  return { key: (JSON.parse(value) as { readonly id: string }).id, value }
}
