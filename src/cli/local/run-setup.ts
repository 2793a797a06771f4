/** Runs set-up in a separate process and exits with its code: for a program that was started without its starter. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { packageRoot } from '../doctor/packages.ts'

export async function runSetup(flags: readonly string[]): Promise<void> {
  const program = join(packageRoot(), 'deploy', 'bootstrap', 'main.mjs')
  const known = flags.filter((flag) => flag !== '--json')
  const child = spawn(process.execPath, [program, ...known], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 70
}
