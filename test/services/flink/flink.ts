/**
 * Flink SQL for tests: a Java program with a cluster of its own. Where set-up has not fetched Flink, tests that need it are
 * skipped with that reason.
 */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestContext } from 'vitest'
import { flinkJars } from '../../../deploy/bootstrap/maven.mjs'
import { scratchFolder } from '../../scratch-folder.ts'

const run = promisify(execFile)

/** First line of a test that needs Flink. */
export function needsFlink(context: TestContext): void {
  if (flinkJars() === undefined)
    context.skip('Flink is not installed (node deploy/bootstrap/main.mjs --all)')
}

export interface AskedModels {
  /** Of chat completions. */
  readonly endpoint: string
  readonly key: string
  readonly models: readonly string[]
  readonly texts: readonly string[]
}

/** What `ML_PREDICT` answers: a row of model, text and answer for each. */
export async function mlPredict(asked: AskedModels): Promise<readonly (readonly string[])[]> {
  const classes = await compiled()
  const path = [classes, join(flinkJars() ?? '', '*')].join(':')
  const args = [asked.endpoint, asked.key, asked.models.join(','), ...asked.texts]
  const { stdout } = await run('java', [...quick, '-cp', path, 'MlPredict', ...args])
  // A Java machine that is short of memory or time writes warnings of its own beside them.
  const lines = stdout.split('\n').filter((line) => line.includes('\t'))
  return lines.map((line) => line.split('\t'))
}

/** The quick compiler: it does not run for long. */
const quick = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

const COMPILER = 'org.eclipse.jdt.internal.compiler.batch.Main'

/** The folder of the program's classes. A machine with a Java runtime only has no compiler of its own. */
async function compiled(): Promise<string> {
  const classes = scratchFolder()
  const folder = flinkJars() ?? ''
  const jars = readdirSync(folder).map((jar) => join(folder, jar))
  const source = join(import.meta.dirname, 'MlPredict.java')
  const options = ['-17', '-proc:none', '-classpath', jars.join(':'), '-d', classes, source]
  await run('java', [...quick, '-cp', join(folder, '*'), COMPILER, ...options])
  return classes
}
