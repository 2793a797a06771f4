/** `antikythera promote`: makes a held version live. */
import type { Command } from 'commander'
import { aboutModel, withModel, type ClientFlags } from '../flags.ts'

interface PromoteFlags extends Omit<ClientFlags, 'version'> {
  readonly version: string
  readonly reason: string
}

export function registerPromote(program: Command): void {
  withModel(program.command('promote').description('make a version live'))
    .requiredOption('--version <version>', 'version to make live')
    .requiredOption('--reason <text>', 'recorded in the history')
    .action(async (model: string | undefined, { version, reason, ...flags }: PromoteFlags) => {
      const { movePointer } = await import('../remote/move-pointer.ts')
      await movePointer('promote', { version, reason }, aboutModel(model, flags))
    })
}
