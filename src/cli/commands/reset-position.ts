/** `antikythera reset-position`: a source goes on elsewhere, after its content was lost. The daemon is stopped meanwhile. */
import type { Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { ResetFlags } from '../local/reset-position.ts'

export function registerResetPosition(program: Command): void {
  withConfig(
    program
      .command('reset-position')
      .description('let a source go on elsewhere, and say what that skips'),
  )
    .argument('[model]', 'may be left out where the config has one')
    .requiredOption('--source <name>', 'as `status` and the log name it, or its kind')
    .option('--to <place>', 'start, end, or a position of the source', 'start')
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: ResetFlags) => {
      const { resetPosition } = await import('../local/reset-position.ts')
      await resetPosition(model, flags)
    })
}
