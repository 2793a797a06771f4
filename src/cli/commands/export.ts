/**
 * `antikythera export`: writes a version as a separate folder that Hugging Face PEFT opens. Needs no running daemon.
 */
import type { Command } from 'commander'
import type { ExportFlags } from '../local/export-version.ts'
import { withConfig } from '../flags.ts'

export function registerExport(program: Command): void {
  withConfig(program.command('export').description('write a version as a folder that PEFT opens'))
    .argument('[model]', 'optional if the config has only one')
    .option('-m, --model <name>', 'same as the argument')
    .option('--version <version>', 'absent = the live one')
    .requiredOption('--to <folder>', 'a new folder')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: ExportFlags) => {
      const { exportVersion } = await import('../local/export-version.ts')
      await exportVersion(model === undefined ? flags : { ...flags, model })
    })
}
