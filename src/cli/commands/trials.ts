/** `antikythera canary` and `shadow`: a version on trial, until you end it, promote it or roll back. */
import { Option, type Command } from 'commander'
import type { Json } from '../../contracts/core.ts'
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
      const { version, share, end = false, reason, undone, ...client } = flags
      const { moveTrial } = await import('../remote/move-trial.ts')
      const about = aboutModel(model, client)
      if (end) await moveTrial([kind, 'end'], { reason }, about)
      else
        await moveTrial(
          [kind],
          { reason, ...trialOf(version, share), ...(undone && { undone }) },
          about,
        )
    })
}

function trialOf(version: string | undefined, share: number | undefined): Record<string, Json> {
  if (version === undefined)
    throw failure('USAGE', 'name a version with --version, or end the trial with --end')
  return { version, ...(share !== undefined && { share }) }
}
