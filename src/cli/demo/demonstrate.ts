/** Starts the daemon, or a fleet, runs the demo against it, shows the results, and stops it or leaves it running. */
import { startDaemon } from '../../app/daemon.ts'
import type { Clock, Logger } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { type Config, parseConfig } from '../../config/config.ts'
import { type Lifecycle, openLifecycle } from '../../platform/lifecycle.ts'
import { openLog } from '../../platform/log.ts'
import { openRandom } from '../../platform/random.ts'
import { daemonAt, demoConfig, modelNames } from './daemon.ts'
import { startFleet } from './fleet.ts'
import { type ShownProgress, showProgress } from './progress.ts'
import { type FleetResult, reportLines } from './report.ts'
import { type DemoOptions, runDemo } from './run.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { failure } from '../../platform/errors.ts'
import { setupProgram } from '../local/run-program.ts'
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

/** What a demo has shown, once it has run. */
interface DemoOutcome {
  readonly lines: readonly string[]
  readonly answer: object
  /** The engine that trained; shown beside the time. */
  readonly engine?: string
  /** Shown where the daemon goes on serving. */
  readonly serving: readonly string[]
}

interface StageParts extends Demonstration {
  readonly clock: Clock
  readonly log: Logger
  readonly progress: ShownProgress
  readonly lifecycle: Lifecycle
}

/** Longer than the broker's own deadline. */
const DEADLINE_MS = 45_000

/** Runs `play`, shows what came out, and stops what it started, or leaves it running. */
export async function perform(
  options: Demonstration,
  play: (parts: StageParts) => Promise<DemoOutcome>,
): Promise<void> {
  const clock = systemClock
  const progress = showProgress(clock)
  const begunMs = clock.monotonicMs()
  const log = openLog({ level: 'warn' })
  const lifecycle = openLifecycle({ log, deadlineMs: DEADLINE_MS })
  try {
    const shown = await play({ ...options, clock, log, progress, lifecycle })
    progress.end()
    const seconds = Math.round((clock.monotonicMs() - begunMs) / 100) / 10
    const engine = shown.engine === undefined ? '' : ` on ${shown.engine}`
    write([...shown.lines, '', `  ${seconds} s${engine}`])
    if (options.serve === true) write(['', 'still serving; stop with Ctrl-C', ...shown.serving])
    else await lifecycle.stop('the demo has finished')
    if (options.json === true) write([JSON.stringify({ ...shown.answer, seconds })])
  } catch (error) {
    await lifecycle.stop('the demo has failed')
    throw error
  }
}

/** The address of the daemon, once every model answers. */
export async function startStage(
  { log, lifecycle, progress }: Pick<StageParts, 'log' | 'lifecycle' | 'progress'>,
  config: Config,
): Promise<string> {
  const daemon = await startDaemon(config, { log })
  lifecycle.onStop('daemon', async () => daemon.close())
  await daemon.ready()
  progress.say(`ready at ${daemon.url}`)
  return daemon.url
}

export async function demonstrate(options: Demonstration): Promise<void> {
  await perform(options, async (parts) => {
    const { clock, progress } = parts
    const stage = await (options.kafka === true ? fleetStage(parts) : daemonStage(parts))
    const random = openRandom(options.seed, 'demo')
    const result = await runDemo({ ...stage, random, clock, progress })
    const fleet = await stage.fleet?.()
    const { trainer } = await stage.daemon.status('sentiment')
    const engine = { train: trainer.engine ?? 'unknown', serve: 'onnxruntime' }
    return {
      lines: reportLines(result, fleet),
      answer: { ...result, ...fleet, engine },
      engine: engine.train,
      serving: stage.urls.flatMap((daemon) => [
        ...modelNames.map((model) => `  ${daemon}/v1/models/${model}`),
        `  ${daemon}/docs`,
      ]),
    }
  })
}

interface Stage extends Pick<DemoOptions, 'daemon' | 'asked' | 'halfway'> {
  readonly urls: readonly string[]
  readonly fleet?: () => Promise<FleetResult>
}

async function daemonStage(parts: StageParts): Promise<Stage> {
  parts.progress.say('starting the daemon: one base (use-lite), three models')
  const config = JSON.stringify(demoConfig(parts.dataDir, parts.port, parts.seed))
  const url = await startStage(parts, parseConfig(config, parts.dataDir))
  return { daemon: daemonAt(url), urls: [url] }
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
