/**
 * Clients of the OpenAI API for tests: Python's, and the AI SDK of npm. Where set-up has not fetched them, tests that need them are skipped with that
 * reason.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestContext } from 'vitest'
import { clientsPython } from '../../../deploy/bootstrap/python-venv.mjs'

const run = promisify(execFile)

/** First line of a test that needs them. */
export function needsClients(context: TestContext): void {
  if (clientsPython() === undefined)
    context.skip('the Python clients are not installed (node deploy/bootstrap/main.mjs --all)')
}

/** What `ask.py` prints. */
export interface PythonAnswers {
  readonly openai: {
    readonly models: readonly string[]
    readonly live: string
    readonly label: string
    readonly scores: number
    readonly texts: readonly string[]
    readonly streamed: string
    readonly continued: string
    readonly embedded: readonly [size: number, difference: number]
    readonly refusals: readonly (readonly [type: string, status: number, code: string])[]
  }
  readonly langchain: {
    readonly label: string
    readonly text: string
    readonly streamed: string
    readonly embedded: readonly number[]
  }
  readonly hugging_face: {
    readonly label: string
    readonly text: string
    readonly streamed: string
  }
  /** Objects by library. */
  readonly structured: Readonly<Record<string, readonly object[]>>
}

export interface AskedByClients {
  /** Of the OpenAI API. */
  readonly url: string
  readonly key: string
  readonly classifier: string
  readonly writer: string
}

export async function askFromPython(asked: AskedByClients): Promise<PythonAnswers> {
  const { url, key, classifier, writer } = asked
  const script = join(import.meta.dirname, 'ask.py')
  // A proxy of the machine is not for this one.
  const env = { ...process.env, NO_PROXY: '*', LANGSMITH_TRACING: 'false' }
  const args = [script, url, key, classifier, writer]
  const { stdout } = await run(clientsPython() ?? 'python3', args, { env })
  return JSON.parse(stdout) as PythonAnswers
}

/** What `ask.child.mjs` prints: the answer as an object, by each way of asking for one. */
export async function askFromAiSdk({
  url,
  key,
  classifier,
}: Omit<AskedByClients, 'writer'>): Promise<readonly object[]> {
  const script = join(import.meta.dirname, 'ask.child.mjs')
  const { stdout } = await run(process.execPath, ['--no-warnings', script, url, key, classifier])
  return JSON.parse(stdout) as readonly object[]
}
