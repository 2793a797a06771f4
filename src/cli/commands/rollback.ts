/** `antikythera rollback`: an earlier version answers again; the trainer goes on from it. */
import type { Command } from 'commander'
import { aboutModel, withModel, type ClientFlags } from '../flags.ts'

interface RollbackFlags extends ClientFlags {
  readonly to?: string
  readonly reason: string
}

export function registerRollback(program: Command): void {
  withModel(program.command('rollback').description('let an earlier version answer again'))
    .option('--to <version>', 'absent = the one that was live before')
    .requiredOption('--reason <text>', 'kept in the history')
    .action(async (model: string | undefined, { to, reason, ...flags }: RollbackFlags) => {
      const { movePointer } = await import('../move-pointer.ts')
      const body = { reason, ...(to !== undefined && { to }) }
      await movePointer('rollback', body, aboutModel(model, flags))
    })
}
