/** `antikythera why`: the live version, since when and why, and its ancestors. */
import type { Command } from 'commander'
import type { WhyFlags } from '../remote/show-why.ts'
import { aboutModel, modelAndVersion, wholeNumber, withModel } from '../flags.ts'

export function registerWhy(program: Command): void {
  withModel(program.command('why').description('why this version is live, back to the first one'))
    .argument('[version]', 'explain this version instead of the live one')
    .option('--version <version>', 'same as the argument')
    .option('--last <count>', 'maximum number of ancestors', wholeNumber, 20)
    .action(async (...args: [string | undefined, string | undefined, WhyFlags]) => {
      const { showWhy } = await import('../remote/show-why.ts')
      await showWhy(asked(...args))
    })
}

function asked(first: string | undefined, second: string | undefined, flags: WhyFlags): WhyFlags {
  const { model, version } = modelAndVersion(first, second)
  return { ...aboutModel(model, flags), ...(version !== undefined && { version }) }
}
