/** Runs the benchmarks, which are programs of the checkout and not part of the package, and exits with their code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../doctor/packages.ts'

export async function runBench(names: readonly string[]): Promise<void> {
  const program = join(packageRoot(), 'test', 'bench', 'run.mjs')
  if (!existsSync(program))
    throw failure('USAGE', `there is no ${program}: bench runs in a checkout`)
  const child = spawn(process.execPath, [program, ...names], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 70
}
