/** The process of the loss meter: losses-process.ts <config> <folder>; a question a line, an answer a line. */
import { createInterface } from 'node:readline'
import { parseConfig } from '../../../config/config.ts'
import type { ChatModel } from './daemon.ts'
import { openLosses } from './losses.ts'

const [, , text = '', folder = ''] = process.argv
const losses = await openLosses(parseConfig(text, folder), 'support')
for await (const line of createInterface({ input: process.stdin })) {
  const [model, version, answers] = JSON.parse(line) as [ChatModel, string, readonly string[]]
  process.stdout.write(`${JSON.stringify(await losses.of(model, version, answers))}\n`)
}
process.exit(0)
