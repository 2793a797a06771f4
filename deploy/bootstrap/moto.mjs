/**
 * A real S3 server for tests: the server of moto in a virtual environment in the cache that all checkouts of this user share.
 * Wanted in CI; 120 MB of disk.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { places as standardPlaces } from './places.mjs'
import { makeVenv, venvPython } from './python-venv.mjs'

/** Raised with anything in requirements.txt. */
export const MOTO_VERSION = '5.2.5-1'

const REQUIREMENTS = join(dirname(fileURLToPath(import.meta.url)), 'moto', 'requirements.txt')

export const motoStep = {
  name: `moto ${MOTO_VERSION}, a server of S3 for tests`,

  done: ({ places }) => motoPython(places) !== undefined,

  async run(context) {
    const folder = folderIn(context.places)
    await makeVenv(
      {
        folder,
        requirements: REQUIREMENTS,
        proof: 'import moto.server, moto.s3.responses, moto.iam.responses',
        code: 'SETUP_MOTO_FAILED',
      },
      context,
    )
    return folder
  },
}

/** The interpreter that can start the server, or undefined where set-up has not fetched it. */
export function motoPython(places = standardPlaces()) {
  return venvPython(folderIn(places))
}

const folderIn = ({ cache }) => join(cache, `moto-${MOTO_VERSION}`)
