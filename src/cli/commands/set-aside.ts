/** What rollbacks have set aside: listed, learned after all or dropped; and learning stopped and started again. */
import type { Command } from 'commander'
import { aboutModel, wholeNumber, withModel, type ClientFlags } from '../flags.ts'
import type { RetractFlags } from '../remote/retract.ts'
import type { AsideFlags, SelectionFlags } from '../remote/set-aside.ts'

export function registerSetAside(program: Command): void {
  withModel(program.command('set-aside').description('what rollbacks have set aside, newest first'))
    .option('--last <count>', 'at most so many', wholeNumber, 20)
    .action(async (model: string | undefined, flags: AsideFlags) => {
      const { listAside } = await import('../remote/set-aside.ts')
      await listAside(aboutModel(model, flags))
    })
  selecting(program, 'relearn', 'learn what rollbacks have set aside')
  selecting(program, 'discard', 'drop what rollbacks have set aside, for good')
  registerRetract(program)
  pausing(program, 'pause', 'learn nothing until somebody resumes; feedback is accepted and waits')
  pausing(program, 'resume', 'learn again')
}

function registerRetract(program: Command): void {
  withModel(program.command('retract').description('take back what was learned from events'))
    .option('--source <name>', 'of the event; without --id all that it has sent')
    .option('--id <id>', 'one event')
    .option('--since <time>', 'of a source: only what came since then')
    .action(async (model: string | undefined, flags: RetractFlags) => {
      const { retract } = await import('../remote/retract.ts')
      await retract(aboutModel(model, flags))
    })
}

function selecting(program: Command, name: 'relearn' | 'discard', description: string): void {
  withModel(program.command(name).description(description))
    .option('--source <name>', 'only what came from it')
    .option('--label <label>', 'only what teaches it')
    .option('--since <time>', 'only what came since then, such as 2026-11-24T10:00:00Z')
    .option('--reason <text>', 'kept in the history')
    .action(async (model: string | undefined, flags: SelectionFlags) => {
      const { select } = await import('../remote/set-aside.ts')
      await select(name, aboutModel(model, flags))
    })
}

function pausing(program: Command, name: 'pause' | 'resume', description: string): void {
  withModel(program.command(name).description(description))
    .option('--reason <text>', 'kept in the history')
    .action(
      async (model: string | undefined, flags: ClientFlags & { readonly reason?: string }) => {
        const { pause } = await import('../remote/set-aside.ts')
        await pause(name, aboutModel(model, flags))
      },
    )
}
