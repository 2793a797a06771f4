/**
 * Python clients of the OpenAI API, which the tests run against a daemon: a virtual environment in the cache that all checkouts of
 * this user share. Wanted in CI; 160 MB of disk.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { places as standardPlaces } from './places.mjs'
import { makeVenv, venvPython } from './python-venv.mjs'

/** Of OpenAI's client. Raised with anything in requirements.txt. */
export const CLIENTS_VERSION = '3.57.0-1'

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), 'clients', 'requirements.txt')

export const clientsStep = {
  name: `Python clients of the OpenAI API ${CLIENTS_VERSION}, for tests`,

  done: ({ places }) => clientsPython(places) !== undefined,

  async run(context) {
    const folder = folderIn(context.places)
    await makeVenv(
      {
        folder,
        requirements: REQUIREMENTS,
        proof: 'import openai, langchain_openai, huggingface_hub',
        code: 'SETUP_CLIENTS_FAILED',
      },
      context,
    )
    return folder
  },
}

/** The interpreter that can import them, or undefined where set-up has not fetched them. */
export function clientsPython(places = standardPlaces()) {
  return venvPython(folderIn(places))
}

const folderIn = ({ cache }) => join(cache, `clients-${CLIENTS_VERSION}`)
