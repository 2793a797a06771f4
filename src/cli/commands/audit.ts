/** `antikythera audit`: what operators did, when, from where and with which key. */
import type { Command } from 'commander'
import type { AuditFlags } from '../remote/show-audit.ts'
import { wholeNumber, withClient } from '../flags.ts'

export function registerAudit(program: Command): void {
  withClient(program.command('audit').description('what operators did, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (flags: AuditFlags) => {
      const { showAudit } = await import('../remote/show-audit.ts')
      await showAudit(flags)
    })
}
