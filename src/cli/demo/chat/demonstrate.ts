/** Starts a daemon with the language model, runs the chat demo against it, and stops it or leaves it running. */
import { parseConfig } from '../../../config/config.ts'
import { openRandom } from '../../../platform/random.ts'
import { pullOnce } from '../../local/models.ts'
import { perform, startStage, type Demonstration } from '../demonstrate.ts'
import { chatConfig, chatDaemonAt, conversation } from './daemon.ts'
import { startLossMeter } from './loss-meter.ts'
import { chatReportLines } from './report.ts'
import { runChatDemo } from './run.ts'

export async function demonstrateChat(options: Demonstration): Promise<void> {
  await pullOnce('smollm2')
  await perform(options, async (parts) => {
    const { dataDir, port, seed, clock, progress, lifecycle } = parts
    progress.say('starting the daemon: one base (smollm2), two models')
    const config = JSON.stringify(chatConfig(dataDir, port, seed))
    const url = await startStage(parts, parseConfig(config, dataDir))
    const losses = startLossMeter(config, dataDir)
    lifecycle.onStop('losses', async () => losses.close())
    const random = openRandom(seed, 'demo')
    const result = await runChatDemo({ daemon: chatDaemonAt(url), losses, random, clock, progress })
    return { lines: chatReportLines(result), answer: result, serving: howToAsk(url) }
  })
}

/**
 * How to talk to the daemon that the chat demo leaves running, with curl and with a client of OpenAI's.
 */
export function howToAsk(url: string): readonly string[] {
  const body = { model: 'support', ...conversation('Do you repair umbrellas?'), max_tokens: 64 }
  return [
    `  ${url}/docs`,
    '',
    `curl -s ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    `  -d '${JSON.stringify(body)}'`,
    '',
    'from openai import OpenAI',
    `client = OpenAI(base_url="${url}/v1", api_key="none")`,
    'answer = client.chat.completions.create(',
    '    model="support", max_tokens=64,',
    '    messages=[{"role": "user", "content": "Do you repair umbrellas?"}],',
    ')',
    'print(answer.choices[0].message.content)',
    '',
    '# what it should have said: the id of the answer is all that feedback needs',
    `curl -s ${url}/v1/models/support/feedback -H 'content-type: application/json' \\`,
    `  -d '{"prediction_id":"<id>","rating":-1}'`,
  ]
}
