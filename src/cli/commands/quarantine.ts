/** `antikythera quarantine`: events that the defence keeps back. */
import type { Command } from 'commander'
import { aboutModel, wholeNumber, withModel, withSelection } from '../flags.ts'
import type { AsideFlags, SelectionFlags } from '../remote/set-aside.ts'

export function registerQuarantine(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .description('examples that the defence keeps back: list, release or drop them')
  withModel(quarantine.command('list').description('the examples in quarantine, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (model: string | undefined, flags: AsideFlags) => {
      const { listQuarantine } = await import('../remote/set-aside.ts')
      await listQuarantine(aboutModel(model, flags))
    })
  selecting(quarantine, 'release', 'learn examples that are in quarantine')
  selecting(quarantine, 'drop', 'drop examples that are in quarantine, for good')
}

function selecting(quarantine: Command, name: 'release' | 'drop', description: string): void {
  const command = quarantine.command(name).description(description)
  withSelection(command, ['--id <id>', 'only the event with this id']).action(
    async (model: string | undefined, flags: SelectionFlags) => {
      const { select } = await import('../remote/set-aside.ts')
      await select(name, aboutModel(model, flags))
    },
  )
}
