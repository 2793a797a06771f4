/**
 * The real Hugging Face PEFT, which the tests of the exchange of adapters run against: a virtual environment in the
 * cache that all checkouts of this user share. Wanted in CI; 1.5 GB of disk.
 */
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './errors.mjs'
import { findCompiler } from './native/compile.mjs'
import { standIn } from './peft/cpu-torch.mjs'
import { places as standardPlaces } from './places.mjs'
import { makeVenv, venvPython } from './python-venv.mjs'

/** Raised with anything in requirements.txt or cpu-torch.mjs. */
export const PEFT_VERSION = '0.21.2-1'

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), 'peft', 'requirements.txt')
const PROOF =
  'import torch, transformers, peft; print(float((torch.ones(2, 2) @ torch.ones(2, 2)).sum()))'

export const peftStep = {
  name: `Hugging Face PEFT ${PEFT_VERSION} with torch, for its tests`,

  done: ({ places }) => peftPython(places) !== undefined,

  async run(context) {
    const folder = folderIn(context.places)
    await makeVenv(
      {
        folder,
        requirements: REQUIREMENTS,
        proof: PROOF,
        finish: (work) => makeItRun(work, context),
        code: 'SETUP_PEFT_FAILED',
      },
      context,
    )
    return folder
  },
}

/** The interpreter that can import peft, or undefined where set-up has not fetched it. */
export function peftPython(places = standardPlaces()) {
  return venvPython(folderIn(places))
}

const folderIn = ({ cache }) => join(cache, `peft-${PEFT_VERSION}`)

async function makeItRun(work, { places }) {
  if (process.platform !== 'linux') return
  const compiler = findCompiler(places.env)
  if (!compiler) throw new SetupError('SETUP_PEFT_FAILED', 'no C++ compiler was found')
  const lib = join(work, 'lib')
  const name = readdirSync(lib).find((entry) => entry.startsWith('python3'))
  const scratch = join(work, 'standins')
  await standIn(join(lib, name, 'site-packages'), { compiler, work: scratch, env: places.env })
  rmSync(scratch, { recursive: true, force: true })
}
