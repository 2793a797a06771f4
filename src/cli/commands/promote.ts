/** `antikythera promote`: makes a held version live. */
import type { Command } from 'commander'
import { failure } from '../../platform/errors.ts'
import { aboutModel, modelAndVersion, withModel, type ClientFlags } from '../flags.ts'

interface PromoteFlags extends Omit<ClientFlags, 'version'> {
  readonly version?: string
  readonly reason: string
}

export function registerPromote(program: Command): void {
  withModel(program.command('promote').description('make a version live'))
    .argument('[version]', 'version to make live')
    .option('--version <version>', 'same as the argument')
    .requiredOption('--reason <text>', 'recorded in the history')
    .action(async (...args: [string | undefined, string | undefined, PromoteFlags]) => {
      const [first, second, { version: named, reason, ...flags }] = args
      const { model, version = named } = modelAndVersion(first, second)
      if (version === undefined) throw failure('USAGE', 'name the version: promote v12 --reason …')
      const { movePointer } = await import('../remote/move-pointer.ts')
      await movePointer('promote', { version, reason }, aboutModel(model, flags))
    })
}
