/** Runs a command inside the test's process, with everything that it prints at hand. */
import { vi } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { reportError } from '../../src/cli/report-error.ts'

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** What --json printed. */
  readonly json: () => unknown
}

export async function runCli(...args: readonly string[]): Promise<CliResult> {
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)]
  const before = process.exitCode
  process.exitCode = undefined
  let code = 0
  try {
    await createProgram().parseAsync(['node', 'antikythera', ...args])
    code = exitCode()
  } catch (error) {
    code = reportError(error, args.includes('--json'))
  } finally {
    process.exitCode = before
    stdout.restore()
    stderr.restore()
  }
  const text = stdout.text()
  return { code, stdout: text, stderr: stderr.text(), json: () => JSON.parse(text) as unknown }
}

/** In a function, so that the compiler does not take it for what was assigned above. */
const exitCode = () => Number(process.exitCode ?? 0)

function capture(stream: NodeJS.WriteStream) {
  const written: string[] = []
  const spy = vi.spyOn(stream, 'write').mockImplementation((chunk) => {
    written.push(String(chunk))
    return true
  })
  return { text: () => written.join(''), restore: () => spy.mockRestore() }
}
