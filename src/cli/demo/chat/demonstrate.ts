/** Starts a daemon with the language model, runs the chat demo against it, and stops it or leaves it running. */
import { startDaemon } from '../../../app/daemon.ts'
import { parseConfig } from '../../../config/config.ts'
import { systemClock } from '../../../platform/clock.ts'
import { openLifecycle } from '../../../platform/lifecycle.ts'
import { openLog } from '../../../platform/log.ts'
import { openRandom } from '../../../platform/random.ts'
import { pullOnce } from '../../local/models.ts'
import type { Demonstration } from '../demonstrate.ts'
import { showProgress } from '../progress.ts'
import { chatConfig } from './config.ts'
import { chatDaemonAt } from './daemon.ts'
import { startLossMeter } from './loss-meter.ts'
import { chatReportLines } from './report.ts'
import { runChatDemo } from './run.ts'
import { howToAsk } from './snippets.ts'

const DEADLINE_MS = 45_000

export async function demonstrateChat(options: Demonstration): Promise<void> {
  await pullOnce('smollm2')
  const clock = systemClock
  const progress = showProgress(clock)
  const begunMs = clock.monotonicMs()
  const log = openLog({ level: 'warn' })
  const lifecycle = openLifecycle({ log, deadlineMs: DEADLINE_MS })
  try {
    progress.say('starting the daemon: one base (smollm2), two models')
    const text = JSON.stringify(chatConfig(options.dataDir, options.port, options.seed))
    const config = parseConfig(text, options.dataDir)
    const daemon = await startDaemon(config, { log })
    lifecycle.onStop('daemon', async () => daemon.close())
    await daemon.ready()
    progress.say(`ready at ${daemon.url}`)
    const losses = startLossMeter(text, options.dataDir)
    lifecycle.onStop('losses', async () => losses.close())
    const result = await runChatDemo({
      daemon: chatDaemonAt(daemon.url),
      losses,
      random: openRandom(options.seed, 'demo'),
      clock,
      progress,
    })
    progress.end()
    const seconds = Math.round((clock.monotonicMs() - begunMs) / 100) / 10
    write([...chatReportLines(result), '', `  ${seconds} s`])
    if (options.serve === true) write(howToAsk(daemon.url))
    else await lifecycle.stop('the demo has finished')
    if (options.json === true) write([JSON.stringify({ ...result, seconds })])
  } catch (error) {
    await lifecycle.stop('the demo has failed')
    throw error
  }
}

function write(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
