/** `antikythera forget`: events go for good, with a certificate; without a selection, the requests so far. */
import type { Command } from 'commander'
import { aboutModel, withModel } from '../flags.ts'
import type { ForgetFlags } from '../remote/forget.ts'

export function registerForget(program: Command): void {
  withModel(
    program
      .command('forget')
      .description('forget events for good, with a certificate; without options, the requests'),
  )
    .option('--source <name>', 'events from this source')
    .option('--id <id>', 'the event with this id')
    .option('--before <time>', 'events from before then, such as 2026-11-24T10:00:00Z')
    .option('--keep-serving', 'answer with the present versions until the others are rebuilt')
    .option('--dry-run', 'say what it would do, and do nothing')
    .option('--reason <text>', 'recorded in the history')
    .option('--no-wait', 'return when the request is accepted')
    .option('--show <request>', 'one request and its certificate')
    .action(async (model: string | undefined, flags: ForgetFlags) => {
      const { forget } = await import('../remote/forget.ts')
      await forget(aboutModel(model, flags))
    })
}
