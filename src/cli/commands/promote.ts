/** `antikythera promote`: a version that was held back answers from now on. */
import type { Command } from 'commander'
import { aboutModel, withModel, type ClientFlags } from '../flags.ts'

interface PromoteFlags extends Omit<ClientFlags, 'version'> {
  readonly version: string
  readonly reason: string
}

export function registerPromote(program: Command): void {
  withModel(program.command('promote').description('let a version answer from now on'))
    .requiredOption('--version <version>', 'which one')
    .requiredOption('--reason <text>', 'kept in the history')
    .action(async (model: string | undefined, { version, reason, ...flags }: PromoteFlags) => {
      const { movePointer } = await import('../remote/move-pointer.ts')
      await movePointer('promote', { version, reason }, aboutModel(model, flags))
    })
}
