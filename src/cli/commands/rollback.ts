/** `antikythera rollback`: an earlier version answers again; the trainer goes on from it. */
import type { Command } from 'commander'
import { aboutModel, withModel, type ClientFlags } from '../flags.ts'

interface RollbackFlags extends ClientFlags {
  readonly to?: string
  readonly reason: string
  readonly hold?: boolean
}

export function registerRollback(program: Command): void {
  withModel(program.command('rollback').description('let an earlier version answer again'))
    .option('--to <version>', 'absent = the one that was live before')
    .requiredOption('--reason <text>', 'kept in the history')
    .option('--hold', 'learn nothing until you resume')
    .action(async (model: string | undefined, { to, reason, hold, ...flags }: RollbackFlags) => {
      const { movePointer } = await import('../remote/move-pointer.ts')
      const body = { reason, ...(to !== undefined && { to }), ...(hold === true && { hold }) }
      await movePointer('rollback', body, aboutModel(model, flags))
    })
}
