/** `antikythera versions`: every adapter that was published, newest first. */
import type { Command } from 'commander'
import { finiteNumber, withClient, type ClientFlags } from '../flags.ts'

export interface VersionsFlags extends ClientFlags {
  readonly last: number
}

export function registerVersions(program: Command): void {
  withClient(program.command('versions').description('what was published, newest first'))
    .option('--last <count>', 'at most so many lines', finiteNumber, 20)
    .action(async (flags: VersionsFlags) => {
      const { showVersions } = await import('../show-versions.ts')
      await showVersions(flags)
    })
}
