/**
 * Other processes for tests of what only another process can show: locks, kills, races, a disk that is really full.
 * A child is a `.mjs` file beside its test that imports the built code, because Node runs JavaScript only.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** `script` is written as in an import, from the test's own `import.meta.url`. */
export function startChild(script: string, base: string, ...args: readonly string[]): ChildProcess {
  const program = fileURLToPath(new URL(script, base))
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}

/** Resolves with the first line that the child prints. */
export function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('exit', () => reject(new Error(`the child ended after printing: ${text}`)))
  })
}

/** Everything that the child prints until it ends. */
export function output(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.once('close', () => resolve(text))
  })
}

/** The child's exit, by itself or by a signal. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

/** Whether this system can mount a small disk of its own: Linux, as root or with user namespaces. */
export const canMountSmallDisk =
  spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

/** Runs the child to its end with a disk of `sizeKiB` mounted at `folder`, seen by it alone; returns what it printed. */
export function runOnSmallDisk(
  folder: string,
  sizeKiB: number,
  script: string,
  base: string,
): string {
  mkdirSync(folder, { recursive: true })
  const program = fileURLToPath(new URL(script, base))
  const mount = `mount -t tmpfs -o size=${sizeKiB}k none "$1" && exec "$2" "$3" "$1"`
  const args = ['-rm', 'sh', '-c', mount, 'sh', folder, process.execPath, program]
  return spawnSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    .stdout
}
