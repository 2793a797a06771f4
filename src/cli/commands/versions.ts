/** `antikythera versions`: every adapter that was published, newest first. */
import type { Command } from 'commander'
import type { VersionsFlags } from '../remote/show-versions.ts'
import { aboutModel, wholeNumber, withModel } from '../flags.ts'

export function registerVersions(program: Command): void {
  withModel(program.command('versions').description('what was published, newest first'))
    .option('--last <count>', 'at most so many', wholeNumber, 20)
    .action(async (model: string | undefined, flags: VersionsFlags) => {
      const { showVersions } = await import('../remote/show-versions.ts')
      await showVersions(aboutModel(model, flags))
    })
}
