/** The real Hugging Face PEFT, which the tests of the exchange of adapters run against. Wanted in CI; 1.5 GB of disk. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SetupError } from './errors.mjs'
import { findCompiler } from './native/compile.mjs'
import { standIn } from './peft/cpu-torch.mjs'
import { pythonEnvironment } from './python-venv.mjs'

/** Raised with anything in requirements.txt or cpu-torch.mjs. */
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
