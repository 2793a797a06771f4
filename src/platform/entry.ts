/**
 * Where a worker thread or child process finds its program. Node runs JavaScript only, and one bundle starts faster than
 * many modules, so it is the built program, also for a caller that runs from TypeScript (a test).
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { invariant } from './errors.ts'

/** The folder of our own package.json: above src/ and above dist/. */
export const packageRoot = rootAbove(dirname(fileURLToPath(import.meta.url)))

/**
 * `source` from the root of the package, written out as 'src/trainer/process/process.ts': the build reads these calls to
 * know what is a program.
 */
export function entryUrl(source: string): URL {
  const script = join(packageRoot, 'dist', 'program', source.replace(/\.tsx?$/, '.js'))
  invariant(existsSync(script), `${script} is not built: npm run build`)
  return pathToFileURL(script)
}

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder))
}
