/** Python clients of the OpenAI API, which the tests run against a daemon. Wanted in CI; 170 MB of disk. */
import { pythonEnvironment } from './python-venv.mjs'

/** Of OpenAI's client. Raised with anything in requirements.txt. */
export const CLIENTS_VERSION = '3.57.0-2'

export const { step: clientsStep, python: clientsPython } = pythonEnvironment({
  id: 'clients',
  version: CLIENTS_VERSION,
  title: `Python clients of the OpenAI API ${CLIENTS_VERSION}, for tests`,
  proof: 'import openai, langchain_openai, huggingface_hub, instructor',
  code: 'SETUP_CLIENTS_FAILED',
})
