/**
 * How a command fails: code, message and fix on stderr (JSON with --json), and the exit code of sysexits, so that a
 * script can distinguish a usage error (64), an unreachable daemon (69) and a temporary failure (75).
 */
import { CommanderError } from 'commander'
import { CodedError } from '../contracts/core.ts'
import { entryOf, failure, fixOf } from '../platform/errors.ts'
import { harmless } from './print.ts'

/** Reports the error and returns the exit code. */
export function reportError(
  error: unknown,
  isJson: boolean,
  write: (text: string) => void = (text) => process.stderr.write(text),
): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  const coded = codedOf(error)
  const { exit } = entryOf(coded.code)
  const fix = fixOf(coded)
  const { code, message, details } = coded
  if (isJson) write(`${JSON.stringify({ error: { code, message, fix, details } })}\n`)
  else
    write(`antikythera: ${harmless(message)}\n  code: ${code}\n  fix:  ${fix}\n${traceOf(error)}`)
  return exit
}

function codedOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  if (error instanceof CommanderError) {
    // Without a command, commander has already shown the help.
    const isHelp = error.code === 'commander.help'
    return failure('USAGE', isHelp ? 'name a command' : error.message.replace(/^error: /, ''))
  }
  const message = error instanceof Error ? error.message : String(error)
  if (/^E[MN]FILE: /.test(message)) return failure('DESCRIPTORS_SCARCE', message)
  return failure('INTERNAL', message, { cause: error })
}

/** A bug of ours can be diagnosed only with its stack. */
function traceOf(error: unknown): string {
  const isExpected =
    error instanceof CodedError ||
    error instanceof CommanderError ||
    codedOf(error).code !== 'INTERNAL'
  return isExpected || !(error instanceof Error) ? '' : `\n${error.stack ?? ''}\n`
}
