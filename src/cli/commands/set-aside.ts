/** Events set aside by rollbacks: list, relearn or discard them; and pausing and resuming learning. */
import type { Command } from 'commander'
import { aboutModel, wholeNumber, withModel, withSelection, type ClientFlags } from '../flags.ts'
import type { RetractFlags } from '../remote/retract.ts'
import type { AsideFlags, SelectionFlags } from '../remote/set-aside.ts'

export function registerSetAside(program: Command): void {
  withModel(
    program.command('set-aside').description('events that rollbacks have set aside, newest first'),
  )
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (model: string | undefined, flags: AsideFlags) => {
      const { listAside } = await import('../remote/set-aside.ts')
      await listAside(aboutModel(model, flags))
    })
  selecting(program, 'relearn', 'learn events that rollbacks have set aside')
  selecting(program, 'discard', 'drop events that rollbacks have set aside, for good')
  registerRetract(program)
  pausing(program, 'pause', 'stop learning until resumed; feedback is accepted and waits')
  pausing(program, 'resume', 'resume learning')
}

function registerRetract(program: Command): void {
  withModel(program.command('retract').description('unlearn events'))
    .option('--source <name>', 'source of the event; without --id everything from it')
    .option('--id <id>', 'a single event')
    .option('--since <time>', 'with a source: only events since then')
    .action(async (model: string | undefined, flags: RetractFlags) => {
      const { retract } = await import('../remote/retract.ts')
      await retract(aboutModel(model, flags))
    })
}

function selecting(program: Command, name: 'relearn' | 'discard', description: string): void {
  withSelection(program.command(name).description(description), [
    '--from <version>',
    'only what a rollback to it, or to a later one, has set aside',
  ]).action(async (model: string | undefined, flags: SelectionFlags) => {
    const { select } = await import('../remote/set-aside.ts')
    await select(name, aboutModel(model, flags))
  })
}

function pausing(program: Command, name: 'pause' | 'resume', description: string): void {
  withModel(program.command(name).description(description))
    .option('--reason <text>', 'recorded in the history')
    .action(
      async (model: string | undefined, flags: ClientFlags & { readonly reason?: string }) => {
        const { pause } = await import('../remote/set-aside.ts')
        await pause(name, aboutModel(model, flags))
      },
    )
}
