/** Versions of a model, and which of them answers. */
import { type Command, Option } from 'commander'
import { failure } from '../../platform/errors.ts'
import {
  type ClientFlags,
  UNDONE,
  aboutModel,
  modelAndVersion,
  shareBelowOne,
  wholeNumber,
  withClient,
  withModel,
} from '../flags.ts'
import type { PinFlags } from '../remote/move.ts'
import type { VersionsFlags } from '../remote/show-versions.ts'
import type { WhyFlags } from '../remote/show-why.ts'
import type { VerifyFlags, HistoryFlags } from '../remote/history.ts'

/** `antikythera versions`: every published version, newest first. */
export function registerVersions(program: Command): void {
  withModel(program.command('versions').description('published versions, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--compare <version...>', 'show what the second version has that the first lacks')
    .action(async (model: string | undefined, flags: VersionsFlags) => {
      const { showVersions } = await import('../remote/show-versions.ts')
      await showVersions(aboutModel(model, flags))
    })
}

/** `antikythera why`: the live version, since when and why, and its ancestors. */
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

/** `antikythera history`: which version was made live, when, by whom and why. */
export function registerHistory(program: Command): void {
  withModel(program.command('history').description('every move of the live pointer, newest first'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--verify', 'check every move against the hash of the next one')
    .option('--includes <hash>', 'with --verify: a hash noted earlier, which must be in it')
    .action(async (model: string | undefined, flags: HistoryFlags & VerifyFlags) => {
      if (flags.verify === true || flags.includes !== undefined) {
        const { verifyHistory } = await import('../remote/history.ts')
        await verifyHistory(aboutModel(model, flags))
        return
      }
      const { showHistory } = await import('../remote/history.ts')
      await showHistory(aboutModel(model, flags))
    })
}

/** `antikythera rollback`: makes an earlier version live again; the trainer continues from it. */
interface RollbackFlags extends ClientFlags {
  readonly to?: string
  readonly reason: string
  readonly hold?: boolean
  readonly undone?: true
  readonly then?: 'continue' | 'skip' | 'hold'
}

export function registerRollback(program: Command): void {
  withModel(program.command('rollback').description('make an earlier version live again'))
    .option('--to <version>', 'absent = the previous live version')
    .requiredOption('--reason <text>', 'recorded in the history')
    .addOption(
      new Option(
        '--then <what>',
        'events after that version: learn them again in order, set them aside, or also stop learning; absent = after_rollback of the config',
      ).choices(['continue', 'skip', 'hold']),
    )
    .option('--undone', UNDONE)
    .option('--hold', 'the same as --then hold')
    .action(async (model: string | undefined, flags: RollbackFlags) => {
      const { to, reason, hold, undone, then, ...rest } = flags
      const { movePointer } = await import('../remote/move.ts')
      const body = {
        reason,
        ...(to !== undefined && { to }),
        ...(hold === true && { hold }),
        ...(undone && { undone }),
        ...(then !== undefined && { then }),
      }
      await movePointer(aboutModel(model, rest), async (api) => api.rollBack(body))
    })
}

/** `antikythera promote`: makes a held version live. */
interface PromoteFlags extends Omit<ClientFlags, 'version'> {
  readonly version?: string
  readonly reason: string
  readonly undone?: true
}

export function registerPromote(program: Command): void {
  withModel(program.command('promote').description('make a version live'))
    .argument('[version]', 'version to make live')
    .option('--version <version>', 'same as the argument')
    .option('--undone', UNDONE)
    .requiredOption('--reason <text>', 'recorded in the history')
    .action(async (...args: [string | undefined, string | undefined, PromoteFlags]) => {
      const [first, second, { version: named, reason, undone, ...flags }] = args
      const { model, version = named } = modelAndVersion(first, second)
      if (version === undefined) throw failure('USAGE', 'name the version: promote v12 --reason …')
      const { movePointer } = await import('../remote/move.ts')
      const body = { version, reason, ...(undone && { undone }) }
      await movePointer(aboutModel(model, flags), async (api) => api.promote(body))
    })
}

/** `antikythera canary` and `shadow`: a version on trial, until you end it, promote it or roll back. */
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

/** `antikythera pin`, `unpin` and `pins`: whether a version keeps its bytes regardless of `keep`. */
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
