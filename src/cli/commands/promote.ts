/** `antikythera promote`: makes a held version live. */
import type { Command } from 'commander'
import { failure } from '../../platform/errors.ts'
import { aboutModel, modelAndVersion, UNDONE, withModel, type ClientFlags } from '../flags.ts'

interface PromoteFlags extends Omit<ClientFlags, 'version'> {
  readonly version?: string
  readonly reason: string
  readonly undone?: true
}

export function registerPromote(program: Command): void {
  withModel(program.command('promote').description('make a version live'))
    .argument('[version]', 'version to make live')
    .option('--version <version>', 'same as the argument')
    .option('--undone', UNDONE)
    .requiredOption('--reason <text>', 'recorded in the history')
    .action(async (...args: [string | undefined, string | undefined, PromoteFlags]) => {
      const [first, second, { version: named, reason, undone, ...flags }] = args
      const { model, version = named } = modelAndVersion(first, second)
      if (version === undefined) throw failure('USAGE', 'name the version: promote v12 --reason …')
      const { movePointer } = await import('../remote/move.ts')
      const body = { version, reason, ...(undone && { undone }) }
      await movePointer(aboutModel(model, flags), async (api) => api.promote(body))
    })
}
