/** `antikythera rollback`: makes an earlier version live again; the trainer continues from it. */
import type { Command } from 'commander'
import { aboutModel, withModel, type ClientFlags } from '../flags.ts'

interface RollbackFlags extends ClientFlags {
  readonly to?: string
  readonly reason: string
  readonly hold?: boolean
}

export function registerRollback(program: Command): void {
  withModel(program.command('rollback').description('make an earlier version live again'))
    .option('--to <version>', 'absent = the previous live version')
    .requiredOption('--reason <text>', 'recorded in the history')
    .option('--hold', 'stop learning until you resume')
    .action(async (model: string | undefined, { to, reason, hold, ...flags }: RollbackFlags) => {
      const { movePointer } = await import('../remote/move-pointer.ts')
      const body = { reason, ...(to !== undefined && { to }), ...(hold === true && { hold }) }
      await movePointer('rollback', body, aboutModel(model, flags))
    })
}
