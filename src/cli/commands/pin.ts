/** `antikythera pin` and `unpin`: whether a version keeps its bytes whatever `keep` says. */
import type { Command } from 'commander'
import { aboutModel, withClient, type ClientFlags } from '../flags.ts'

const verbs = {
  pin: 'keep the bytes of a version, whatever keep says',
  unpin: 'leave a version to keep again',
} as const

export function registerPin(program: Command): void {
  for (const [verb, description] of Object.entries(verbs) as [keyof typeof verbs, string][])
    withClient(program.command(verb).description(description))
      .argument('<model>', 'may be left out where the daemon serves one')
      .argument('[version]')
      .usage('[options] [model] <version>')
      .action(async (...args: [string, string | undefined, ClientFlags]) => {
        const [first, second, flags] = args
        const { changePin } = await import('../remote/change-pin.ts')
        const model = second === undefined ? undefined : first
        await changePin(verb, second ?? first, aboutModel(model, flags))
      })
}
