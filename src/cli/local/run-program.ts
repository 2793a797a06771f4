/** Runs a program of the checkout in a separate process and exits with its code. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../platform/errors.ts'
import { packageRoot } from '../../platform/entry.ts'

/** For a command that was started without its starter, `deploy/bootstrap/antikythera.mjs`. */
export async function runSetup(flags: readonly string[]): Promise<void> {
  await run(
    setupProgram(),
    flags.filter((flag) => flag !== '--json'),
  )
}

/** Throws USAGE in a container image, which does not contain it. */
export function setupProgram(root = packageRoot): string {
  const program = join(root, 'deploy', 'bootstrap', 'main.mjs')
  if (existsSync(program)) return program
  throw failure('USAGE', `there is no ${program}: a container image is set up when it is built`)
}

/** The benchmarks are not part of the package. */
export async function runBench(names: readonly string[]): Promise<void> {
  const program = join(packageRoot, 'test', 'bench', 'run.mjs')
  if (!existsSync(program))
    throw failure('USAGE', `there is no ${program}: bench runs in a checkout`)
  await run(program, names)
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 70
}
