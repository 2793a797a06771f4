/** `antikythera why`: what is live, since when and why, and how it came to be. */
import type { Command } from 'commander'
import type { WhyFlags } from '../remote/show-why.ts'
import { aboutModel, wholeNumber, withModel } from '../flags.ts'

export function registerWhy(program: Command): void {
  withModel(program.command('why').description('why this version answers, back to the first'))
    .argument('[version]', 'ask about another than the live one')
    .option('--version <version>', 'the same')
    .option('--last <count>', 'at most so many of its ancestors', wholeNumber, 20)
    .action(async (...args: [string | undefined, string | undefined, WhyFlags]) => {
      const { tellWhy } = await import('../remote/show-why.ts')
      await tellWhy(asked(...args))
    })
}

/** `why v12` means the version, where --model or the daemon says which model. */
function asked(first: string | undefined, second: string | undefined, flags: WhyFlags): WhyFlags {
  const isVersion = first !== undefined && second === undefined && /^v\d+$/.test(first)
  const [model, version] = isVersion ? [undefined, first] : [first, second]
  return { ...aboutModel(model, flags), ...(version !== undefined && { version }) }
}
