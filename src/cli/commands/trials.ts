/** `antikythera canary` and `shadow`: a version on trial, until you end it, promote it or roll back. */
import { Option, type Command } from 'commander'
import { failure } from '../../platform/errors.ts'
import { aboutModel, shareBelowOne, UNDONE, withModel, type ClientFlags } from '../flags.ts'

interface TrialFlags extends Omit<ClientFlags, 'version'> {
  readonly version?: string
  readonly share?: number
  readonly end?: boolean
  readonly undone?: true
  readonly reason: string
}

export function registerCanary(program: Command): void {
  trialCommand(program, 'canary', 'let a version answer a share of the requests')
    .addOption(
      new Option('--share <share>', 'of the requests: above 0 and below 1')
        .argParser(shareBelowOne)
        .default(0.1),
    )
    .option('--undone', UNDONE)
}

export function registerShadow(program: Command): void {
  trialCommand(program, 'shadow', 'compute a version for each request and compare it')
}

function trialCommand(program: Command, kind: 'canary' | 'shadow', what: string): Command {
  return withModel(program.command(kind).description(what))
    .addOption(new Option('--version <version>', 'version to try').conflicts('end'))
    .option('--end', 'end the trial; learning goes on where it is')
    .requiredOption('--reason <text>', 'recorded in the history')
    .action(async (model: string | undefined, flags: TrialFlags) => {
      const { version, share = 0, end = false, reason, undone, ...client } = flags
      const { moveTrial } = await import('../remote/move.ts')
      await moveTrial(aboutModel(model, client), async (api) => {
        if (end) return api.endTrial(kind, { reason })
        if (version === undefined)
          throw failure('USAGE', 'name a version with --version, or end the trial with --end')
        if (kind === 'shadow') return api.shadow({ version, reason })
        return api.canary({ version, share, reason, ...(undone && { undone }) })
      })
    })
}
