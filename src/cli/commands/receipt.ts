/** `antikythera receipt`: what has become of one event of feedback. */
import type { Command } from 'commander'
import { withClient } from '../flags.ts'
import type { ReceiptFlags } from '../remote/show-receipt.ts'

export function registerReceipt(program: Command): void {
  withClient(
    program
      .command('receipt')
      .description('what has become of one event of feedback')
      .argument('<id>', 'its id'),
  )
    .option('--source <name>', 'its source; absent = that of feedback over HTTP')
    .action(async (id: string, flags: ReceiptFlags) => {
      const { showReceipt } = await import('../remote/show-receipt.ts')
      await showReceipt(id, flags)
    })
}
