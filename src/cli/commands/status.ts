/** `antikythera status`: lag, live version and generation on each replica, lease holder and epoch. */
import type { Command } from 'commander'
import { aboutModel, positiveNumber, withModel } from '../flags.ts'
import type { StatusFlags } from '../show-status.ts'

export function registerStatus(program: Command): void {
  withModel(program.command('status').description('how far each model is, and who trains it'))
    .option(
      '--sample <seconds>',
      'for how long to watch a lag, to tell when it is gone',
      positiveNumber,
      2,
    )
    .action(async (model: string | undefined, flags: StatusFlags) => {
      const { showStatus } = await import('../show-status.ts')
      await showStatus(aboutModel(model, flags))
    })
}
