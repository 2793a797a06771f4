/** Schemathesis, which asks a server what its description allows and what it does not. Wanted in CI; 90 MB of disk. */
import { pythonEnvironment } from './python-venv.mjs'

/** Raised with anything in requirements.txt. */
export const SCHEMATHESIS_VERSION = '4.32.5-1'

export const { step: schemathesisStep, python: schemathesisPython } = pythonEnvironment({
  id: 'schemathesis',
  version: SCHEMATHESIS_VERSION,
  title: `Schemathesis ${SCHEMATHESIS_VERSION}, for tests of the API`,
  proof: 'import schemathesis',
  code: 'SETUP_SCHEMATHESIS_FAILED',
})
