/** `antikythera history`: which version was made live, when, by whom and why. */
import type { Command } from 'commander'
import type { HistoryFlags } from '../remote/show-history.ts'
import { aboutModel, wholeNumber, withModel } from '../flags.ts'

export function registerHistory(program: Command): void {
  withModel(program.command('history').description('every move of the live pointer, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (model: string | undefined, flags: HistoryFlags) => {
      const { showHistory } = await import('../remote/show-history.ts')
      await showHistory(aboutModel(model, flags))
    })
}
