/** `antikythera doctor`: whether this machine can run the daemon, and how to fix problems. */
import type { Command } from 'commander'
import type { DoctorFlags } from '../doctor/show-health.ts'

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check this machine; each problem comes with a fix')
    .option('-c, --config <path>', 'check for the daemon of this configuration')
    .option('--set <key.path=value...>', 'overrides one key of the file')
    .option('--json', 'print one JSON document')
    .action(async (flags: DoctorFlags) => {
      const { showHealth } = await import('../doctor/show-health.ts')
      await showHealth(flags)
    })
}
