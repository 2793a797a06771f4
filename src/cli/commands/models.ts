/** `antikythera models`: the pretrained bases that a config can name, and fetching one. */
import type { Command } from 'commander'
import type { ModelsFlags } from '../local/models.ts'

export function registerModels(program: Command): void {
  const models = program.command('models').description('pretrained bases: list them, or fetch one')
  models
    .command('list')
    .description('bases that a config can name, and where those are that were fetched')
    .option('--json', 'print one JSON document')
    .action(async (flags: ModelsFlags) => {
      const { listModels } = await import('../local/models.ts')
      await listModels(flags)
    })
  models
    .command('pull')
    .description('fetch a base: minilm, or owner/name of Hugging Face')
    .argument('<name>')
    .option('--to <folder>', 'absent = the cache of this user')
    .option('--json', 'print one JSON document')
    .action(async (name: string, flags: ModelsFlags) => {
      const { pullModel } = await import('../local/models.ts')
      await pullModel(name, flags)
    })
}
