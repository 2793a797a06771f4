/** `antikythera init`: writes a first configuration, with comments, for one of five use cases. */
import { Argument, type Command } from 'commander'
import type { InitFlags } from '../local/init.ts'

export function registerInit(program: Command): void {
  program
    .command('init')
    .description('write a commented antikythera.yaml to start from')
    .addArgument(
      new Argument(
        '[kind]',
        'text: a text classifier; intents: labels that appear later; tables: rows; numbers: rows with a number; chat: answers as texts',
      )
        .choices(['text', 'intents', 'tables', 'numbers', 'chat'])
        .default('text'),
    )
    .option('--to <path>', 'file to write', 'antikythera.yaml')
    .option('--force', 'replace an existing file')
    .option('--json', 'print one JSON document')
    .action(async (kind: string, flags: InitFlags) => {
      const { init } = await import('../local/init.ts')
      await init(kind, flags)
    })
}
