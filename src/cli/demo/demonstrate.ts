/** Starts the daemon, runs the demo against its URL, shows what came of it, and stops the daemon or leaves it running. */
import { startDaemon, type Daemon } from '../../compose-daemon.ts'
import { systemClock } from '../../runtime/clock.ts'
import { parseConfig } from '../../runtime/config.ts'
import { openLifecycle } from '../../runtime/lifecycle.ts'
import { openLog } from '../../runtime/log.ts'
import { openRandom } from '../../runtime/random.ts'
import { demoConfig, modelNames } from './config.ts'
import { daemonAt } from './daemon.ts'
import { showProgress } from './progress.ts'
import { reportLines } from './report.ts'
import { runDemo } from './run.ts'

export interface Demonstration {
  readonly dataDir: string
  readonly seed: number
  readonly port: number
  readonly json?: boolean
  readonly serve?: boolean
}

export async function demonstrate(options: Demonstration): Promise<void> {
  const clock = systemClock
  const progress = showProgress(clock)
  const begunMs = clock.monotonicMs()
  progress.say('starting the daemon: one base (use-lite), three models')
  const text = JSON.stringify(demoConfig(options.dataDir, options.port, options.seed))
  const config = parseConfig(text, options.dataDir)
  const log = openLog(config.log)
  const lifecycle = openLifecycle({ log, deadlineMs: config.limits.shutdown_ms })
  const daemon = await startDaemon(config, { log })
  lifecycle.onStop('daemon', async () => daemon.close())
  await daemon.ready()
  progress.say(`ready at ${daemon.url}`)
  const result = await runDemo({
    daemon: daemonAt(daemon.url),
    random: openRandom(options.seed, 'demo'),
    clock,
    progress,
  })
  progress.end()
  const seconds = (clock.monotonicMs() - begunMs) / 1000
  const { trainer } = await daemonAt(daemon.url).status('sentiment')
  const engine = { train: trainer.engine ?? 'unknown', serve: 'onnxruntime' }
  const all = { ...result, engine, seconds: Math.round(seconds * 10) / 10 }
  write([...reportLines(result), '', `  ${all.seconds} s on ${all.engine.train}`])
  if (options.serve === true) sayUrls(daemon)
  else await lifecycle.stop('the demo has ended')
  if (options.json === true) write([JSON.stringify(all)])
}

function sayUrls(daemon: Daemon): void {
  const urls = modelNames.map((model) => `  ${daemon.url}/v1/models/${model}`)
  write(['', 'still serving; stop with Ctrl-C', ...urls, `  ${daemon.url}/docs`])
}

function write(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
