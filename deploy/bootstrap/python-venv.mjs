/**
 * Virtual environments of Python in the cache that all checkouts of this user share: made under a temporary name, filled with
 * pinned packages, tried, and renamed, so that each is there whole or not at all. The tests in CI want those below.
 */
import { existsSync, renameSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SetupError } from './errors.mjs'
import { places as standardPlaces } from './places.mjs'
import { runOrFail, which } from './tool.mjs'

/** Python clients of the OpenAI API, which the tests run against a daemon; 170 MB of disk. The version is that of OpenAI's. */
export const { step: clientsStep, python: clientsPython } = pythonEnvironment({
  id: 'clients',
  version: '3.57.0-2',
  title: 'Python clients of the OpenAI API, for tests',
  proof: 'import openai, langchain_openai, huggingface_hub, instructor',
})

/** A real S3 server: the one of moto; 120 MB of disk. */
export const { step: motoStep, python: motoPython } = pythonEnvironment({
  id: 'moto',
  version: '5.2.5-1',
  title: 'moto, a server of S3 for tests',
  proof: 'import moto.server, moto.s3.responses, moto.iam.responses',
})

/** Asks a server what its description allows and what it does not; 90 MB of disk. */
export const { step: schemathesisStep, python: schemathesisPython } = pythonEnvironment({
  id: 'schemathesis',
  version: '4.32.5-1',
  title: 'Schemathesis, for tests of the API',
  proof: 'import schemathesis',
})

/**
 * `<id>-<version>` in the cache, with the packages of `<id>/requirements.txt`: the step that makes it, and its interpreter, undefined
 * if set-up has not made it. The number behind the release is raised with anything in the requirements. `proof` is Python that runs
 * at the end, `finish(work, context)` runs before it.
 */
export function pythonEnvironment({ id, version, title, proof, finish }) {
  const requirements = fileURLToPath(new URL(`${id}/requirements.txt`, import.meta.url))
  const folderIn = ({ cache }) => join(cache, `${id}-${version}`)
  const python = (places = standardPlaces()) => venvPython(folderIn(places))
  const step = {
    name: title,
    done: ({ places }) => python(places) !== undefined,
    async run(context) {
      const folder = folderIn(context.places)
      // The wheels are used once; a copy of them in the cache of pip is of no use.
      const packages = ['--no-deps', '--no-cache-dir', '-r', requirements]
      await makeVenv({ folder, packages, proof, finish }, context)
      return folder
    },
  }
  return { step, python }
}

/** The interpreter of an environment with one package of that release, for a benchmark, which makes it where it is missing. */
export async function pythonWith(name, version, say) {
  const folder = join(standardPlaces().cache, `${name}-${version}`)
  const packages = [`${name}==${version}`]
  const progress = { say, doing: () => {} }
  if (venvPython(folder) === undefined) {
    say(`installing ${name} ${version} into ${folder}`)
    const proof = `import ${name}`
    await makeVenv({ folder, packages, proof }, { places: standardPlaces(), progress })
  }
  return venvPython(folder)
}

/** Kept when it is stopped: pip then passes over what is installed already. */
async function makeVenv({ folder, packages, proof, finish }, context) {
  const python = which('python3', context.places.env)
  if (!python) throw new SetupError('SETUP_PYTHON_MISSING')
  const work = `${folder}.work`
  const inWork = join(work, 'bin', 'python')
  const run = (command, args, what) =>
    runOrFail(command, args, {
      ...context,
      code: 'SETUP_PYTHON_FAILED',
      doing: () => `${basename(folder)}, ${what}`,
      timeoutSeconds: 900,
    })
  if (!existsSync(inWork)) await run(python, ['-m', 'venv', work], 'making the venv')
  const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:']
  await run(inWork, [...pip, ...packages], 'pip install')
  await finish?.(work, context)
  await run(inWork, ['-c', proof], 'loading it')
  renameSync(work, folder)
}

function venvPython(folder) {
  const python = join(folder, 'bin', 'python')
  return existsSync(python) ? python : undefined
}
