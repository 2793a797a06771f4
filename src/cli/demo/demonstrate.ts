/** Starts the daemon, or a fleet, runs the demo against it, shows the results, and stops it or leaves it running. */
import { startDaemon } from '../../app/daemon.ts'
import type { Clock, Logger } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { parseConfig } from '../../config/config.ts'
import { type Lifecycle, openLifecycle } from '../../platform/lifecycle.ts'
import { openLog } from '../../platform/log.ts'
import { openRandom } from '../../platform/random.ts'
import { demoConfig, modelNames } from './config.ts'
import { daemonAt } from './daemon.ts'
import { startFleet } from './fleet.ts'
import { type ShownProgress, showProgress } from './progress.ts'
import { type FleetResult, reportLines } from './report.ts'
import { type DemoOptions, runDemo } from './run.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { failure } from '../../platform/errors.ts'
import { setupProgram } from '../local/run-setup.ts'
import { kafkaIsInstalled } from '../services/kafka-java.ts'
import { redisServerVersion } from '../services/redis-server.ts'

export interface Demonstration {
  readonly dataDir: string
  readonly seed: number
  readonly port: number
  readonly json?: boolean
  readonly serve?: boolean
  /** Two replicas, fed through a topic. */
  readonly kafka?: boolean
}

export async function demonstrate(options: Demonstration): Promise<void> {
  const clock = systemClock
  const progress = showProgress(clock)
  const begunMs = clock.monotonicMs()
  const log = openLog({ level: 'warn' })
  const lifecycle = openLifecycle({ log, deadlineMs: DEADLINE_MS })
  try {
    const parts = { ...options, clock, log, progress, lifecycle }
    const stage = await (options.kafka === true ? fleetStage(parts) : daemonStage(parts))
    const random = openRandom(options.seed, 'demo')
    const result = await runDemo({ ...stage, random, clock, progress })
    progress.end()
    const fleet = await stage.fleet?.()
    const seconds = (clock.monotonicMs() - begunMs) / 1000
    const { trainer } = await stage.daemon.status('sentiment')
    const engine = { train: trainer.engine ?? 'unknown', serve: 'onnxruntime' }
    const all = { ...result, ...fleet, engine, seconds: Math.round(seconds * 10) / 10 }
    write([...reportLines(result, fleet), '', `  ${all.seconds} s on ${all.engine.train}`])
    if (options.serve === true) sayUrls(stage.urls)
    else await lifecycle.stop('the demo has finished')
    if (options.json === true) write([JSON.stringify(all)])
  } catch (error) {
    await lifecycle.stop('the demo has failed')
    throw error
  }
}

/** Longer than the broker's own deadline. */
const DEADLINE_MS = 45_000

interface Stage extends Pick<DemoOptions, 'daemon' | 'asked' | 'halfway'> {
  readonly urls: readonly string[]
  readonly fleet?: () => Promise<FleetResult>
}

interface StageParts extends Demonstration {
  readonly clock: Clock
  readonly log: Logger
  readonly progress: ShownProgress
  readonly lifecycle: Lifecycle
}

async function daemonStage({ lifecycle, progress, log, ...options }: StageParts): Promise<Stage> {
  progress.say('starting the daemon: one base (use-lite), three models')
  const text = JSON.stringify(demoConfig(options.dataDir, options.port, options.seed))
  const daemon = await startDaemon(parseConfig(text, options.dataDir), { log })
  lifecycle.onStop('daemon', async () => daemon.close())
  await daemon.ready()
  progress.say(`ready at ${daemon.url}`)
  return { daemon: daemonAt(daemon.url), urls: [daemon.url] }
}

async function fleetStage(parts: StageParts): Promise<Stage> {
  await bringServices()
  const fleet = await startFleet({ ...parts, folder: parts.dataDir })
  parts.progress.say(`ready at ${fleet.urls.join(' and ')}`)
  return {
    ...fleet,
    halfway: async () => {
      parts.progress.say('killing the process that trains sentiment (SIGKILL)')
      await fleet.killTrainer('sentiment')
    },
    fleet: async () => ({ replicas: fleet.urls.length, killed: await fleet.killed() }),
  }
}

function sayUrls(daemons: readonly string[]): void {
  const urls = daemons.flatMap((daemon) => [
    ...modelNames.map((model) => `  ${daemon}/v1/models/${model}`),
    `  ${daemon}/docs`,
  ])
  write(['', 'still serving; stop with Ctrl-C', ...urls])
}

function write(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** The demo with Kafka needs more than npm packages: set-up installs what is missing. */
async function bringServices(): Promise<void> {
  if (!kafkaIsInstalled() || redisServerVersion() === undefined) await setUp()
  if (redisServerVersion() === undefined) throw missing('redis', 'redis-server is not installed')
  if (!kafkaIsInstalled()) throw missing('kafka', 'no Kafka broker is installed')
}

/** Its own output shows the progress and the failures. */
async function setUp(): Promise<void> {
  const child = spawn(process.execPath, [setupProgram(), '--services'], { stdio: ['ignore', 2, 2] })
  await once(child, 'exit')
}

function missing(service: string, message: string) {
  return failure('SERVICE_MISSING', message, { details: { service } })
}
