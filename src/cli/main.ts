/**
 * The command `antikythera`. Every command imports its work only when it runs, so that help comes at once; the program itself
 * is imported after a look at how many files may be opened, because its files are.
 */
import { checkDescriptors } from './descriptors.ts'
import { reportError } from './report-error.ts'

// `antikythera versions | head` closes our output early, which is no fault of anybody.
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
