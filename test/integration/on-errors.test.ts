/** A version whose outputs overflow, through the whole daemon: the server leaves it by itself, and the trainer follows. */
import { expect, test, vi } from 'vitest'
import { openSharedRegistry } from '../../src/app/model.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openBase } from '../../src/config/model-parts.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'
import { silentLog } from '../trainer/world.ts'

const model = [
  'base: { features: { size: 2 } }',
  'labels: [no, yes]',
  'adapter: { method: head }',
  'rollback: { policy: on-errors }',
  'trigger: { policy: count, every: 8, rest: 0 }',
]
const head = 'server: { port: 0 }\nlog: { level: error }\n'
const daemon = oneDaemon(`${head}models:\n  m: { ${model.join(', ')} }\n`, 'ignore')
const { post, get } = daemon

async function teach(from: number): Promise<string> {
  const events = Array.from({ length: 16 }, (_, at) => {
    const value = (at % 4) + 1
    const isYes = at % 2 === 0
    return {
      id: `e${from + at}`,
      input: { features: [isYes ? value : -value, 1] },
      label: isYes ? 'yes' : 'no',
    }
  })
  const { position } = await post<{ position: string }>('m/feedback', { events })
  const asked = await post<{ version: string }>(`m/predict?wait_for=${position}`, asks)
  return asked.version
}

const asks = { inputs: [{ features: [2, 1] }] }

/** As a defect of the training code could publish it: its numbers are finite, and what it answers is not. */
async function publishOverflowing(parent: string): Promise<void> {
  const config = loadConfig(daemon.config)
  const base = await openBase(config.models.m!.base)
  const registry = await openSharedRegistry(config, 'm', base, {
    clock: systemClock,
    log: silentLog,
  })
  const { manifest, parameters } = await registry.load(parent)
  const huge = [...parameters].map(([name, { shape, data }]) => {
    const values = Float32Array.from(data, (_, at) => (at % 2 === 0 ? 3e38 : -3e38))
    return [name, { shape, data: values }] as const
  })
  await registry.publish({
    manifest: { ...manifest, version: 'overflowing', parent },
    parameters: new Map(huge),
  })
  await registry.close()
}

interface Move {
  readonly version: string
  readonly by: string
  readonly reason: string
  readonly asks?: object
}

const history = async () => (await get<{ moves: readonly Move[] }>('m/history')).moves

test('it goes back to the version before, says why, and learning goes on from there', async () => {
  const good = await teach(0)
  await publishOverflowing(good)
  await runCli(
    'promote',
    'm',
    '--version',
    'overflowing',
    '--reason',
    'looked well',
    '--url',
    daemon.url,
  )
  expect((await history())[0]).toMatchObject({ version: 'overflowing', by: 'promote' })
  await vi.waitUntil(
    async () => (await post<{ version: string }>('m/predict', asks)).version === good,
    { timeout: 60_000, interval: 1 },
  )
  const [back] = await history()
  expect(back).toMatchObject({ version: good, by: 'policy', asks: { follow: true } })
  expect(back!.reason).toMatch(/^on-errors: 100\.0 % of \d+ answers of overflowing failed/)
  await post('m/predict', asks)
  expect(await get('m')).toMatchObject({ answers: { version: good, failed: 0 } })
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text()
  expect(metrics).toMatch(/antikythera_failed_answers_total\{model="m",fault="not_finite"\} \d+/)
  expect(metrics).toMatch(/antikythera_swaps_total\{model="m",by="policy"\} 1/)
  const next = await teach(100)
  const versions = await get<{ versions: { version: string; parent: string }[] }>('m/versions')
  const made = versions.versions.find(({ parent }) => parent === good)
  expect(made).toBeDefined()
  expect(next).not.toBe('overflowing')
  const { stdout } = await runCli('history', 'm', '--url', daemon.url)
  expect(stdout).toContain('on-errors')
}, 120_000)
