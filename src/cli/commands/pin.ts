/** `antikythera pin`, `unpin` and `pins`: whether a version keeps its bytes regardless of `keep`. */
import type { Command } from 'commander'
import { aboutModel, withClient, withModel, type ClientFlags } from '../flags.ts'
import type { PinFlags } from '../remote/move.ts'

const verbs = {
  pin: 'keep the bytes of a version, whatever the keep setting says',
  unpin: 'let the keep setting decide about a version again',
} as const

export function registerPin(program: Command): void {
  withModel(program.command('pins').description('versions that keep their bytes')).action(
    async (model: string | undefined, flags: ClientFlags) => {
      const { listPins } = await import('../remote/move.ts')
      await listPins(aboutModel(model, flags))
    },
  )
  for (const [verb, description] of Object.entries(verbs) as [keyof typeof verbs, string][])
    withClient(program.command(verb).description(description))
      .argument('<model>', 'optional if the daemon serves only one')
      .argument('[version]')
      .usage('[options] [model] <version>')
      .option('--reason <text>', 'recorded in the audit log')
      .action(async (...args: [string, string | undefined, PinFlags]) => {
        const [first, second, flags] = args
        const { changePin } = await import('../remote/move.ts')
        const model = second === undefined ? undefined : first
        await changePin(verb, second ?? first, aboutModel(model, flags))
      })
}
