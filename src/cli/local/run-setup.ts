/** Runs set-up in a separate process and exits with its code: for a program that was started without its starter. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../doctor/packages.ts'

export async function runSetup(flags: readonly string[]): Promise<void> {
  const program = setupProgram()
  const known = flags.filter((flag) => flag !== '--json')
  const child = spawn(process.execPath, [program, ...known], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 70
}

/** Throws USAGE in a container image, which does not contain it. */
export function setupProgram(root = packageRoot()): string {
  const program = join(root, 'deploy', 'bootstrap', 'main.mjs')
  if (existsSync(program)) return program
  throw failure('USAGE', `there is no ${program}: a container image is set up when it is built`)
}
