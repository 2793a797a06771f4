/** `antikythera why`: what is live, since when and why, and how it came to be. */
import type { Command } from 'commander'
import type { WhyFlags } from '../tell-why.ts'
import { wholeNumber, withClient } from '../flags.ts'

export function registerWhy(program: Command): void {
  withClient(program.command('why').description('why this version answers, back to the first'))
    .option('--version <version>', 'ask about another than the live one')
    .option('--last <count>', 'at most so many of its ancestors', wholeNumber, 20)
    .action(async (flags: WhyFlags) => {
      const { tellWhy } = await import('../tell-why.ts')
      await tellWhy(flags)
    })
}
