/** `antikythera import`: what Hugging Face PEFT trained becomes a version. The daemon may run, and need not. */
import { Option, type Command } from 'commander'
import { withConfig } from '../flags.ts'
import type { ImportFlags } from '../local/import-folder.ts'

export function registerImport(program: Command): void {
  withConfig(program.command('import').description('make a version of a folder that PEFT wrote'))
    .argument('<folder>', 'with adapter_config.json and adapter_model.safetensors')
    .option('-m, --model <name>', 'may be left out where the config has one')
    .addOption(
      new Option('--head <which>', 'folder: the classifier in it; live: of the live version; fresh')
        .choices(['folder', 'live', 'fresh'])
        .default(undefined, 'folder where it has one, else live'),
    )
    .option('--promote', 'let it answer from now on; the trainer goes on from it')
    .option('--trust-base', 'take your word that it was trained on the base of this model')
    .option('--json', 'print one JSON document')
    .action(async (folder: string, flags: ImportFlags) => {
      const { importFolder } = await import('../local/import-folder.ts')
      await importFolder(folder, flags)
    })
}
