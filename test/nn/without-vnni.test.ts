/**
 * Products in 8 bits on a processor without VNNI, whose kernels add two products in 16 bits. QEMU stands in for one: ONNX Runtime
 * asks the processor itself which instructions it has, so that no variable of the environment hides any.
 */
import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const qemu = 'qemu-x86_64'

interface EightBits {
  readonly starts: true | string
  readonly products: readonly string[]
  readonly tokens: { readonly rough: string; readonly served: readonly number[][] }
}

async function measured(program: string, ...before: readonly string[]): Promise<EightBits> {
  const child = fileURLToPath(new URL('without-vnni.child.mjs', import.meta.url))
  const { stdout } = await run(program, [...before, child])
  return JSON.parse(stdout) as EightBits
}

/** QEMU takes six seconds of the processor's time, which is a minute on a machine with many other programs. */
const MOST_MS = 240_000

test(
  'a base in 8 bits starts there, with the same bits and the same tokens as here',
  async (context) => {
    if (process.arch !== 'x64') context.skip('this processor lacks x86: it has no VNNI to hide')
    if (spawnSync(qemu, ['--version']).status !== 0)
      context.skip('qemu-x86_64 is missing (apt-get install qemu-user)')
    const [here, there] = await Promise.all([
      measured(process.execPath),
      measured(qemu, '-cpu', 'Haswell', process.execPath),
    ])
    expect(there.starts).toBe(true)
    expect(there).toEqual(here)
    expect(new Set(here.products).size).toBe(5)
  },
  MOST_MS,
)
