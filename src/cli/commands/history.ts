/** `antikythera history`: which version was made live, when, by whom and why. */
import type { Command } from 'commander'
import type { HistoryFlags } from '../remote/show-history.ts'
import type { VerifyFlags } from '../remote/verify-history.ts'
import { aboutModel, wholeNumber, withModel } from '../flags.ts'

export function registerHistory(program: Command): void {
  withModel(program.command('history').description('every move of the live pointer, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--verify', 'check every move against the hash of the next one')
    .option('--includes <hash>', 'with --verify: a hash noted earlier, which must be in it')
    .action(async (model: string | undefined, flags: HistoryFlags & VerifyFlags) => {
      if (flags.verify === true || flags.includes !== undefined) {
        const { verifyHistory } = await import('../remote/verify-history.ts')
        await verifyHistory(aboutModel(model, flags))
        return
      }
      const { showHistory } = await import('../remote/show-history.ts')
      await showHistory(aboutModel(model, flags))
    })
}
