/** All commands, in the order in which a user meets them. */
import { Command, type CommanderError } from 'commander'
import { failure } from '../platform/errors.ts'
import { daemonVersion } from '../version.ts'
import { registerAudit } from './commands/audit.ts'
import { registerBench } from './commands/bench.ts'
import { registerConfig } from './commands/config.ts'
import { registerDeadLetters } from './commands/dead-letters.ts'
import { registerDemo } from './commands/demo.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerEvaluate } from './commands/evaluate.ts'
import { registerExport } from './commands/export.ts'
import { registerFeedback } from './commands/feedback.ts'
import { registerForget } from './commands/forget.ts'
import { registerHistory } from './commands/history.ts'
import { registerImport } from './commands/import.ts'
import { registerInit } from './commands/init.ts'
import { registerKeys } from './commands/keys.ts'
import { registerModels } from './commands/models.ts'
import { registerPin } from './commands/pin.ts'
import { registerPredict } from './commands/predict.ts'
import { registerPromote } from './commands/promote.ts'
import { registerResetPosition } from './commands/reset-position.ts'
import { registerRecover } from './commands/recover.ts'
import { registerReceipt } from './commands/receipt.ts'
import { registerRollback } from './commands/rollback.ts'
import { registerQuarantine } from './commands/quarantine.ts'
import { registerSetAside } from './commands/set-aside.ts'
import { registerServe } from './commands/serve.ts'
import { registerSetup } from './commands/setup.ts'
import { registerStatus } from './commands/status.ts'
import { registerCanary, registerShadow } from './commands/trials.ts'
import { registerUp } from './commands/up.ts'
import { registerVersions } from './commands/versions.ts'
import { registerWhy } from './commands/why.ts'

const commands = [
  registerSetup,
  registerDemo,
  registerInit,
  registerServe,
  registerUp,
  registerPredict,
  registerFeedback,
  registerEvaluate,
  registerReceipt,
  registerStatus,
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
