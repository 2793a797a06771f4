/** `antikythera models`: lists the pretrained bases for a config, and downloads them. */
import type { Command } from 'commander'
import type { ModelsFlags } from '../local/models.ts'

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
    .description('download a base: minilm, smollm2, or owner/name of Hugging Face')
    .argument('<name>')
    .option('--to <folder>', 'absent = this user’s cache')
    .option('--json', 'print one JSON document')
    .action(async (name: string, flags: ModelsFlags) => {
      const { pullModel } = await import('../local/models.ts')
      await pullModel(name, flags)
    })
}
