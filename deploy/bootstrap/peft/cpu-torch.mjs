/**
 * Lets PyPI's torch run on a machine without a GPU and without its 2.5 GB of CUDA libraries, which it asks for and never
 * calls there. Empty libraries of the same names stand in for them, and the interpreter resolves functions when they
 * are called instead of when torch is loaded. The two small ones that torch does call are real.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runTool, reasonLine } from '../tool.mjs'

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
export async function standIn(packages, { compiler, work, env }) {
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
