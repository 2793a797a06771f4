/**
 * `antikythera import`: makes a version of an adapter that Hugging Face PEFT trained. Works with and without a running
 * daemon.
 */
import { Option, type Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { ImportFlags } from '../local/import-folder.ts'

export function registerImport(program: Command): void {
  withConfig(program.command('import').description('import a PEFT folder as a version'))
    .argument('<folder>', 'with adapter_config.json and adapter_model.safetensors')
    .option('-m, --model <name>', 'optional if the config has only one')
    .addOption(
      new Option('--head <which>', 'folder: its classifier; live: the live version’s head; fresh')
        .choices(['folder', 'live', 'fresh'])
        .default(undefined, 'folder if it has one, otherwise live'),
    )
    .option('--promote', 'make it live; the trainer continues from it')
    .option('--trust-base', 'accept on your word that it was trained on this model’s base')
    .option('--json', 'print one JSON document')
    .action(async (folder: string, flags: ImportFlags) => {
      const { importFolder } = await import('../local/import-folder.ts')
      await importFolder(folder, flags)
    })
}
