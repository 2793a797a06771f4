/** What a model learns: events that are set aside or kept back, pauses, and forgetting; and where its trainer goes on after a loss. */
import type { Command } from 'commander'
import {
  type ClientFlags,
  aboutModel,
  wholeNumber,
  withConfig,
  withModel,
  withSelection,
} from '../flags.ts'
import type { RecoverFlags } from '../local/recover.ts'
import type { ResetFlags } from '../local/reset-position.ts'
import type { ForgetFlags, RetractFlags } from '../remote/forget.ts'
import type { AsideFlags, SelectionFlags } from '../remote/set-aside.ts'

/** Events set aside by rollbacks: list, relearn or discard them; and pausing and resuming learning. */
export function registerSetAside(program: Command): void {
  withModel(
    program.command('set-aside').description('events that rollbacks have set aside, newest first'),
  )
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (model: string | undefined, flags: AsideFlags) => {
      const { listAside } = await import('../remote/set-aside.ts')
      await listAside(aboutModel(model, flags))
    })
  const one = [
    '--from <version>',
    'only what a rollback to it, or to a later one, has set aside',
  ] as const
  selecting(program, 'relearn', 'learn events that rollbacks have set aside', one)
  selecting(program, 'discard', 'drop events that rollbacks have set aside, for good', one)
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
      const { retract } = await import('../remote/forget.ts')
      await retract(aboutModel(model, flags))
    })
}

function selecting(
  parent: Command,
  name: 'relearn' | 'discard' | 'release' | 'drop',
  description: string,
  own: readonly [flag: string, text: string],
): void {
  withSelection(parent.command(name).description(description), own).action(
    async (model: string | undefined, flags: SelectionFlags) => {
      const { select } = await import('../remote/set-aside.ts')
      await select(name, aboutModel(model, flags))
    },
  )
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

/** `antikythera quarantine`: events that the defence keeps back. */
export function registerQuarantine(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .description('examples that the defence keeps back: list, release or drop them')
  withModel(quarantine.command('list').description('the examples in quarantine, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .action(async (model: string | undefined, flags: AsideFlags) => {
      const { listQuarantine } = await import('../remote/set-aside.ts')
      await listQuarantine(aboutModel(model, flags))
    })
  const one = ['--id <id>', 'only the event with this id'] as const
  selecting(quarantine, 'release', 'learn examples that are in quarantine', one)
  selecting(quarantine, 'drop', 'drop examples that are in quarantine, for good', one)
}

/** `antikythera forget`: events go for good, with a certificate; without a selection, the requests so far. */
export function registerForget(program: Command): void {
  withModel(
    program
      .command('forget')
      .description('forget events for good, with a certificate; without options, the requests'),
  )
    .option('--source <name>', 'events from this source')
    .option('--id <id>', 'the event with this id')
    .option('--before <time>', 'events from before then, such as 2026-11-24T10:00:00Z')
    .option('--keep-serving', 'answer with the present versions until the others are rebuilt')
    .option('--dry-run', 'say what it would do, and do nothing')
    .option('--reason <text>', 'recorded in the history')
    .option('--no-wait', 'return when the request is accepted')
    .option('--show <request>', 'one request and its certificate')
    .action(async (model: string | undefined, flags: ForgetFlags) => {
      const { forget } = await import('../remote/forget.ts')
      await forget(aboutModel(model, flags))
    })
}

/**
 * `antikythera reset-position`: makes a source continue elsewhere after its content was lost. Stop the daemon first.
 */
export function registerResetPosition(program: Command): void {
  withConfig(
    program
      .command('reset-position')
      .description('make a source continue elsewhere, and show what is skipped'),
  )
    .argument('[model]', 'optional if the config has only one')
    .requiredOption('--source <name>', 'name of the source as in `status` and the log, or its kind')
    .option('--to <place>', 'start, end, or a position of the source', 'start')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: ResetFlags) => {
      const { resetPosition } = await import('../local/reset-position.ts')
      await resetPosition(model, flags)
    })
}

/** `antikythera recover`: restores a model with damaged files from the intact ones. Stop the daemon first. */
export function registerRecover(program: Command): void {
  withConfig(
    program.command('recover').description('restore a model with damaged or missing files'),
  )
    .argument('[model]', 'optional if the config has only one')
    .option('--dry-run', 'show what would be done, and change nothing')
    .option('--json', 'print one JSON document')
    .action(async (model: string | undefined, flags: RecoverFlags) => {
      const { recover } = await import('../local/recover.ts')
      await recover(model, flags)
    })
}
