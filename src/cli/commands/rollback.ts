/** `antikythera rollback`: makes an earlier version live again; the trainer continues from it. */
import { Option, type Command } from 'commander'
import { aboutModel, UNDONE, withModel, type ClientFlags } from '../flags.ts'

interface RollbackFlags extends ClientFlags {
  readonly to?: string
  readonly reason: string
  readonly hold?: boolean
  readonly undone?: true
  readonly then?: 'continue' | 'skip' | 'hold'
}

export function registerRollback(program: Command): void {
  withModel(program.command('rollback').description('make an earlier version live again'))
    .option('--to <version>', 'absent = the previous live version')
    .requiredOption('--reason <text>', 'recorded in the history')
    .addOption(
      new Option(
        '--then <what>',
        'events after that version: learn them again in order, set them aside, or also stop learning; absent = after_rollback of the config',
      ).choices(['continue', 'skip', 'hold']),
    )
    .option('--undone', UNDONE)
    .option('--hold', 'the same as --then hold')
    .action(async (model: string | undefined, flags: RollbackFlags) => {
      const { to, reason, hold, undone, then, ...rest } = flags
      const { movePointer } = await import('../remote/move.ts')
      const body = {
        reason,
        ...(to !== undefined && { to }),
        ...(hold === true && { hold }),
        ...(undone && { undone }),
        ...(then !== undefined && { then }),
      }
      await movePointer(aboutModel(model, rest), async (api) => api.rollBack(body))
    })
}
