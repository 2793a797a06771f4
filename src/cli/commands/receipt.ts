/** `antikythera receipt`: what has become of one event of feedback. */
import type { Command } from 'commander'
import { aboutModel, withClient } from '../flags.ts'
import type { ReceiptFlags } from '../remote/show-receipt.ts'

export function registerReceipt(program: Command): void {
  withClient(
    program
      .command('receipt')
      .description('what has become of one event of feedback')
      .argument(
        '<id>',
        'its id; or first the model, which is optional if the daemon serves only one',
      )
      .argument('[id]', 'after a model'),
  )
    .option('--source <name>', 'its source; absent = that of feedback over HTTP')
    .action(async (first: string, second: string | undefined, flags: ReceiptFlags) => {
      const { showReceipt } = await import('../remote/show-receipt.ts')
      if (second === undefined) await showReceipt(first, flags)
      else await showReceipt(second, aboutModel(first, flags))
    })
}
