/** `antikythera dead-letters`: events that could not be learned from; send them again, or drop them. */
import type { Command } from 'commander'
import type { ChoiceFlags, ListFlags } from '../remote/dead-letters.ts'
import { aboutModel, wholeNumber, withClient, withModel, type ClientFlags } from '../flags.ts'

export function registerDeadLetters(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('events that could not be learned from: list, show, resend, drop')
  withModel(letters.command('list').description('newest first, each with its reason and the fix'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--code <code>', 'only those with this code')
    .action(async (model: string | undefined, flags: ListFlags) => {
      const { listLetters } = await import('../remote/dead-letters.ts')
      await listLetters(aboutModel(model, flags))
    })
  withClient(letters.command('show').description('show one in full'))
    .argument('<id>')
    .action(async (id: string, flags: ClientFlags) => {
      const { showLetter } = await import('../remote/dead-letters.ts')
      await showLetter(id, flags)
    })
  withChoice(letters.command('resend').description('send them again after the fix')).action(
    async (ids: readonly string[], flags: ChoiceFlags) => {
      const { resendLetters } = await import('../remote/dead-letters.ts')
      await resendLetters(ids, flags)
    },
  )
  withChoice(letters.command('drop').description('remove them for good')).action(
    async (ids: readonly string[], flags: ChoiceFlags) => {
      const { dropLetters } = await import('../remote/dead-letters.ts')
      await dropLetters(ids, flags)
    },
  )
}

function withChoice(command: Command): Command {
  return withClient(command)
    .argument('[ids...]')
    .option('--code <code>', 'all with this code')
    .option('--all', 'all of them')
}
