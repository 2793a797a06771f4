/** `antikythera status`: what is live, how good it is, what became of the events, and how far the trainer is behind. */
import type { Command } from 'commander'
import { aboutModel, positiveNumber, withModel } from '../flags.ts'
import type { StatusFlags } from '../remote/show-status.ts'

export function registerStatus(program: Command): void {
  withModel(
    program.command('status').description('what is live, how good it is, and how far behind'),
  )
    .option(
      '--sample <seconds>',
      'for how long to watch a lag, to tell when it is gone',
      positiveNumber,
      2,
    )
    .option('--labels', 'how good the answers are: by label, by source, against baselines')
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
