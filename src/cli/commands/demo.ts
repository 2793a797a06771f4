/** `antikythera demo`: the whole job on this machine, with only the npm packages. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'

interface DemoOptions {
  readonly json?: boolean
  readonly serve?: boolean
  readonly kafka?: boolean
  readonly chat?: boolean
  readonly seed: string
  readonly port: string
  readonly dataDir?: string
}

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'teach three models from 2,400 sentences while they serve; poison one; roll it back',
    )
    .option('--json', 'print one JSON object as the last line')
    .option('--serve', 'leave the daemon running and print its URLs')
    .option('--kafka', 'two replicas, fed through a Kafka topic; one trainer is killed on the way')
    .option(
      '--chat',
      'a language model instead: it learns a house style from rewritten answers and thumbs, and forgets a burst of bad ones',
    )
    .option('--seed <number>', 'seed of the order of the sentences and of every random stream', '1')
    .option('--port <number>', '0 = any free port', '0')
    .option('--data-dir <folder>', 'keep the state there; absent = a temporary folder')
    .action(async (options: DemoOptions) => {
      const dataDir = resolve(options.dataDir ?? mkdtempSync(join(tmpdir(), 'antikythera-demo-')))
      const demonstration = {
        ...options,
        dataDir,
        seed: Number(options.seed),
        port: Number(options.port),
      }
      if (options.chat === true) {
        const { demonstrateChat } = await import('../demo/chat/demonstrate.ts')
        await demonstrateChat(demonstration)
      } else {
        const { demonstrate } = await import('../demo/demonstrate.ts')
        await demonstrate(demonstration)
      }
      const isKept = options.serve === true || options.dataDir !== undefined
      if (!isKept) rmSync(dataDir, { recursive: true, force: true })
    })
}
