/** `antikythera config`: the effective configuration, and its JSON Schema for editors. */
import type { Command } from 'commander'
import { withConfig, type ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'

export function registerConfig(program: Command): void {
  const config = program.command('config').description('check a configuration, or print its schema')
  withConfig(
    config.command('check').description('print every key with its value, defaults filled in'),
  )
    .option('--json', 'print one JSON document')
    .action(async (flags: ConfigFlags & { readonly json?: boolean }) => {
      const { checkModels } = await import('../local/check-models.ts')
      const { readConfig } = await import('../local/read-config.ts')
      const { stringify } = await import('yaml')
      const { withoutSecrets } = await import('../../config/config.ts')
      const read = readConfig(flags)
      await checkModels(read, flags.config)
      const { server, ...rest } = read
      const { auth, ...open } = server
      const shown = {
        ...(withoutSecrets(rest) as object),
        server: auth ? { ...open, auth: { tokens: auth.tokens.length, keys: auth.keys } } : open,
      }
      print(flags.json, shown, () => [stringify(shown).trimEnd()])
    })
  withConfig(
    config
      .command('asyncapi')
      .description(
        'AsyncAPI document of the events that the models of a configuration read and write',
      ),
  )
    .option('--json', 'accepted for consistency: it always prints JSON')
    .action(async (flags: ConfigFlags) => {
      const { readConfig } = await import('../local/read-config.ts')
      const { asyncApiOf } = await import('../../config/async-api.ts')
      print(true, asyncApiOf(readConfig(flags)), () => [])
    })
  config
    .command('schema')
    .description('JSON Schema, for editors and CI')
    .option('--json', 'accepted for consistency: it always prints JSON')
    .action(async () => {
      const { configJsonSchema } = await import('../../config/config.ts')
      print(true, configJsonSchema(), () => [])
    })
}
