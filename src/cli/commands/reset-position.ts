/**
 * `antikythera reset-position`: makes a source continue elsewhere after its content was lost. Stop the daemon first.
 */
import type { Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { ResetFlags } from '../local/reset-position.ts'

export function registerResetPosition(program: Command): void {
  withConfig(
    program
      .command('reset-position')
      .description('make a source continue elsewhere, and show what is skipped'),
  )
    .argument('[model]', 'optional if the config has only one')
    .requiredOption('--source <name>', 'name of the source as in `status` and the log, or its kind')
    .option('--to <place>', 'start, end, or a position of the source', 'start')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: ResetFlags) => {
      const { resetPosition } = await import('../local/reset-position.ts')
      await resetPosition(model, flags)
    })
}
