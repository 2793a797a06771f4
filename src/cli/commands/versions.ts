/** `antikythera versions`: every published version, newest first. */
import type { Command } from 'commander'
import type { VersionsFlags } from '../remote/show-versions.ts'
import { aboutModel, wholeNumber, withModel } from '../flags.ts'

export function registerVersions(program: Command): void {
  withModel(program.command('versions').description('published versions, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--compare <version...>', 'show what the second version has that the first lacks')
    .action(async (model: string | undefined, flags: VersionsFlags) => {
      const { showVersions } = await import('../remote/show-versions.ts')
      await showVersions(aboutModel(model, flags))
    })
}
