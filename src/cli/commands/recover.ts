/** `antikythera recover`: restores a model with damaged files from the intact ones. Stop the daemon first. */
import type { Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { RecoverFlags } from '../local/recover.ts'

export function registerRecover(program: Command): void {
  withConfig(
    program.command('recover').description('restore a model with damaged or missing files'),
  )
    .argument('[model]', 'optional if the config has only one')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: RecoverFlags) => {
      const { recover } = await import('../local/recover.ts')
      await recover(model, flags)
    })
}
