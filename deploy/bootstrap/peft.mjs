/** The real Hugging Face PEFT, which the tests of the exchange of adapters run against. Wanted in CI; 1.5 GB of disk. */
import { readdirSync, rmSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { findCompiler } from './native/compile.mjs'
import { pythonEnvironment } from './python-venv.mjs'
import { runTool, reasonLine } from './tool.mjs'

/**
 * Lets PyPI's torch run on a machine without a GPU and without its 2.5 GB of CUDA libraries, which it asks for and never
 * calls there. Empty libraries of the same names stand in for them, and the interpreter resolves functions when they
 * are called instead of when torch is loaded. The two small ones that torch does call are real.
 */

/** Name → the symbols that are data or taken the address of, and must be there from the start. */
const STANDINS = {
  'libcublas.so.13': '',
  'libcublasLt.so.13': '',
  'libcudnn.so.9': '',
  'libcufft.so.12': '',
  'libcufile.so.0': '',
  'libcusolver.so.12': '',
  'libcusparse.so.12': '',
  'libcusparseLt.so.0': '',
  'libnccl.so.2': '',
  'libnvrtc.so.13': '',
  'libnvshmem_host.so.3': `
    int nvshmem_selected_device_transport, nvshmemi_device_only_state;
    void nvshmemi_get_device_state_ptrs(void) {}
    void nvshmem_init(void) {}`,
}
/** What the symbols of a library are versioned with, where that is not its own name. */
const NODES = { 'libnvshmem_host.so.3': 'NVSHMEM' }

const LAZY = 'import os, sys; sys.setdlopenflags(os.RTLD_LAZY)\n'

/** `packages`: the site-packages folder that torch was installed into. */
async function standIn(packages, { compiler, work, env }) {
  writeFileSync(join(packages, 'cpu-torch.pth'), LAZY)
  mkdirSync(work, { recursive: true })
  for (const [library, symbols] of Object.entries(STANDINS)) {
    const source = join(work, 'standin.c')
    const versions = join(work, 'standin.map')
    writeFileSync(source, `${symbols}\n`)
    writeFileSync(versions, `${NODES[library] ?? library} { global: *; };\n`)
    const output = join(packages, 'torch', 'lib', library)
    const link = [`-Wl,-soname,${library}`, `-Wl,--version-script=${versions}`]
    const args = ['-shared', '-fPIC', '-nostdlib', '-x', 'c', source, ...link, '-o', output]
    const result = await runTool(compiler, args, { env, timeoutSeconds: 60 })
    if (result.code !== 0) throw new Error(`${library}: ${reasonLine(result)}`)
  }
}

/** Raised with anything in requirements.txt, or in what torch is given here. */
export const PEFT_VERSION = '0.21.2-1'

export const { step: peftStep, python: peftPython } = pythonEnvironment({
  id: 'peft',
  version: PEFT_VERSION,
  title: `Hugging Face PEFT ${PEFT_VERSION} with torch, for its tests`,
  proof:
    'import torch, transformers, peft; print(float((torch.ones(2, 2) @ torch.ones(2, 2)).sum()))',
  finish: makeItRun,
})

async function makeItRun(work, { places }) {
  if (process.platform !== 'linux') return
  const compiler = findCompiler(places.env)
  if (!compiler) throw new SetupError('SETUP_PYTHON_FAILED', 'no C++ compiler was found')
  const lib = join(work, 'lib')
  const name = readdirSync(lib).find((entry) => entry.startsWith('python3'))
  const scratch = join(work, 'standins')
  await standIn(join(lib, name, 'site-packages'), { compiler, work: scratch, env: places.env })
  rmSync(scratch, { recursive: true, force: true })
}
