/**
 * The command `antikythera`. Each command imports its code only when it runs, so that help is fast; the program itself
 * is imported after checking the limit of open files, because loading it needs many.
 */
import { checkDescriptors } from './descriptors.ts'
import { reportError } from './report-error.ts'

// `antikythera versions | head` closes our output early, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  checkDescriptors()
  const { createProgram } = await import('./program.ts')
  await createProgram().parseAsync()
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'))
}
