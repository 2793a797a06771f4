/** Weights that come in and go out: bases, and adapters in the format of PEFT. */
import { type Command, Option } from 'commander'
import { modelAndVersion, withConfig } from '../flags.ts'
import type { ImportFlags, ExportFlags } from '../local/transfer.ts'
import type { ModelsFlags } from '../local/models.ts'
import type { VerifyFlags } from '../local/verify.ts'

/** `antikythera models`: lists the pretrained bases for a config, and downloads them. */
export function registerModels(program: Command): void {
  const models = program.command('models').description('pretrained bases: list or download them')
  models
    .command('list')
    .description('available bases, and where the downloaded ones are')
    .option('--json', 'print one JSON document')
    .action(async (flags: ModelsFlags) => {
      const { listModels } = await import('../local/models.ts')
      await listModels(flags)
    })
  models
    .command('pull')
    .description(
      'download bases: minilm, e5-small, static, smollm2, efficientnet-lite0, or owner/name of Hugging Face',
    )
    .argument('<name...>')
    .option('--to <folder>', 'of one base; absent = this user’s cache')
    .option('--json', 'print one JSON document')
    .action(async (names: string[], flags: ModelsFlags) => {
      const { pullModels } = await import('../local/models.ts')
      await pullModels(names, flags)
    })
}

/**
 * `antikythera export`: writes a version as a separate folder that Hugging Face PEFT opens. Needs no running daemon.
 */
export function registerExport(program: Command): void {
  withConfig(program.command('export').description('write a version as a folder that PEFT opens'))
    .argument('[model]', 'optional if the config has only one')
    .option('-m, --model <name>', 'same as the argument')
    .option('--version <version>', 'absent = the live one')
    .requiredOption('--to <folder>', 'a new folder')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: ExportFlags) => {
      const { exportVersion } = await import('../local/transfer.ts')
      await exportVersion(model === undefined ? flags : { ...flags, model })
    })
}

/** `antikythera verify`: computes a version of a closed form again from the events that it has learned. */
export function registerVerify(program: Command): void {
  withConfig(
    program
      .command('verify')
      .description('compute a version of a closed form again from its events, and compare'),
  )
    .argument('[model]', 'optional if the config has only one')
    .argument('[version]', 'absent = the live one')
    .option('-m, --model <name>', 'same as the argument')
    .option('--version <version>', 'same as the argument')
    .option('--events <file>', 'a file of events in place of the event log')
    .option('--export <file>', 'write the events to a new file, for deploy/clients/verify.py')
    .option('--json', 'print one JSON document')
    .action(async (first: string | undefined, second: string | undefined, flags: VerifyFlags) => {
      const { verifyVersion } = await import('../local/verify.ts')
      const { model = flags.model, version = flags.version } = modelAndVersion(first, second)
      await verifyVersion({
        ...flags,
        ...(model !== undefined && { model }),
        ...(version !== undefined && { version }),
      })
    })
}

/**
 * `antikythera import`: makes a version of an adapter that Hugging Face PEFT trained. Works with and without a running
 * daemon.
 */
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
      const { importFolder } = await import('../local/transfer.ts')
      await importFolder(folder, flags)
    })
}
