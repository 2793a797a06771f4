/** A real S3 server for tests: the server of moto. Wanted in CI; 120 MB of disk. */
import { pythonEnvironment } from './python-venv.mjs'

/** Raised with anything in requirements.txt. */
export const MOTO_VERSION = '5.2.5-1'

export const { step: motoStep, python: motoPython } = pythonEnvironment({
  id: 'moto',
  version: MOTO_VERSION,
  title: `moto ${MOTO_VERSION}, a server of S3 for tests`,
  proof: 'import moto.server, moto.s3.responses, moto.iam.responses',
  code: 'SETUP_MOTO_FAILED',
})
