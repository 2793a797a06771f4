/** All commands, in the order in which a user meets them. */
import { Command, type CommanderError } from 'commander'
import { failure } from '../platform/errors.ts'
import { daemonVersion } from '../version.ts'
import { registerBench } from './commands/bench.ts'
import {
  registerAudit,
  registerConfig,
  registerDemo,
  registerDoctor,
  registerInit,
  registerKeys,
  registerServe,
  registerSetup,
  registerSources,
  registerStatus,
  registerUp,
} from './commands/daemon.ts'
import {
  registerDeadLetters,
  registerEvaluate,
  registerFeedback,
  registerPractice,
  registerPredict,
  registerRank,
  registerReceipt,
} from './commands/events.ts'
import {
  registerForget,
  registerQuarantine,
  registerRecover,
  registerResetPosition,
  registerSetAside,
} from './commands/learning.ts'
import {
  registerExport,
  registerImport,
  registerModels,
  registerVerify,
} from './commands/models.ts'
import {
  registerCanary,
  registerHistory,
  registerPin,
  registerPromote,
  registerRollback,
  registerShadow,
  registerVersions,
  registerWhy,
} from './commands/versions.ts'

const commands = [
  registerSetup,
  registerDemo,
  registerInit,
  registerServe,
  registerUp,
  registerPredict,
  registerRank,
  registerFeedback,
  registerPractice,
  registerEvaluate,
  registerReceipt,
  registerStatus,
  registerSources,
  registerDeadLetters,
  registerVersions,
  registerWhy,
  registerHistory,
  registerRollback,
  registerPromote,
  registerCanary,
  registerShadow,
  registerSetAside,
  registerQuarantine,
  registerForget,
  registerPin,
  registerResetPosition,
  registerRecover,
  registerExport,
  registerImport,
  registerVerify,
  registerModels,
  registerKeys,
  registerAudit,
  registerConfig,
  registerDoctor,
  registerBench,
]

export function createProgram(): Command {
  const program = new Command('antikythera')
    .description('An online fine-tuning daemon: it learns from feedback while it serves.')
    .version(daemonVersion)
    .showSuggestionAfterError()
    // report-error.ts reports all errors in one form; commander's exit would cut off pending output.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    // `predict --version v3` selects a version of the model, not of this program.
    .enablePositionalOptions()
  for (const register of commands) register(program)
  for (const command of program.commands) namesItself(command)
  return program
}

/** A mistake in a command is fixed with the help of that command. */
function namesItself(command: Command, before = 'antikythera'): void {
  const name = `${before} ${command.name()}`
  for (const part of command.commands) namesItself(part, name)
  command.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) throw error
    // A group without a verb: commander has shown its help.
    const verbs = command.commands.map((part) => part.name()).join(', ')
    const isHelp = error.code === 'commander.help'
    const message = isHelp ? `${name} needs a verb: ${verbs}` : error.message
    throw failure('USAGE', message.replace(/^error: /, ''), { fix: `${name} --help` })
  })
}
