/** `antikythera status`: live version, quality, event counts and lag of each model. */
import type { Command } from 'commander'
import { aboutModel, positiveNumber, withModel } from '../flags.ts'
import type { StatusFlags } from '../remote/show-status.ts'

export function registerStatus(program: Command): void {
  withModel(program.command('status').description('live version, quality and lag of each model'))
    .option(
      '--sample <seconds>',
      'how long to observe the lag, to estimate when it is gone',
      positiveNumber,
      2,
    )
    .option('--labels', 'quality by label, by source, by slice, and against baselines')
    .action(async (model: string | undefined, flags: StatusFlags & { labels?: true }) => {
      if (flags.labels === true) {
        const { showQuality } = await import('../remote/show-quality.ts')
        await showQuality(aboutModel(model, flags))
        return
      }
      const { showStatus } = await import('../remote/show-status.ts')
      await showStatus(aboutModel(model, flags))
    })
}
