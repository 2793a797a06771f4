/** `antikythera recover`: a model whose files are damaged goes on from what is whole. The daemon is stopped meanwhile. */
import type { Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { RecoverFlags } from '../local/recover.ts'

export function registerRecover(program: Command): void {
  withConfig(
    program.command('recover').description('bring a model back whose files are damaged or missing'),
  )
    .argument('[model]', 'may be left out where the config has one')
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: RecoverFlags) => {
      const { recover } = await import('../local/recover.ts')
      await recover(model, flags)
    })
}
