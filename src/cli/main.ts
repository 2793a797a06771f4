/** The command `antikythera`. Every command imports its work only when it runs, so that help comes at once. */
import { createProgram } from './program.ts'
import { reportError } from './report-error.ts'

// `antikythera versions | head` closes our output early, which is no fault of anybody.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  await createProgram().parseAsync()
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'))
}
