/**
 * Runs another program (pip, hf) to its end, in this process's environment plus additions, and keeps the end of its
 * output for the error message.
 */
import { spawn } from 'node:child_process'

const KEPT_CHARACTERS = 16_000

export interface ToolResult {
  readonly code: number
  /** No program has this name. */
  readonly missing: boolean
  readonly output: string
}

export function runTool(
  command: string,
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
  } = {},
): Promise<ToolResult> {
  const { environment, signal } = options
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal && { signal }),
  })
  let output = ''
  const keep = (chunk: unknown) => {
    output = (output + String(chunk)).slice(-KEPT_CHARACTERS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ code: 127, missing: true, output })
      else reject(error)
    })
    child.on('close', (code) => resolve({ code: code ?? 1, missing: false, output }))
  })
}

/** The most informative line about a failure: the last one with `error` in it, or the last one at all. */
export function reasonLine({ output, code }: ToolResult): string {
  const lines = output.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line !== '')
  const telling = said.filter((line) => /error/i.test(line)).at(-1) ?? said.at(-1)
  return telling?.slice(0, 300) ?? `it exited with code ${code}`
}
