/**
 * Every way in which set-up can fail, by code: what happened, and how to fix it. A stranger meets these lines before
 * anything else of ours, so each one ends with something to do.
 */
export class SetupError extends Error {
  constructor(code, detail, { cause } = {}) {
    const { what, fix } = SETUP_ERRORS[code]
    super(detail ? `${what}: ${detail}` : what, { cause })
    this.name = 'SetupError'
    this.code = code
    this.fix = fix
  }
}

export const SETUP_ERRORS = {
  SETUP_NODE_TOO_OLD: {
    what: 'This version of Node.js is too old',
    fix: 'Install Node.js 20.19 or newer, then run the same command again.',
  },
  SETUP_BAD_FLAG: {
    what: 'Set-up does not know this flag',
    fix: 'Known flags: --quiet, --programs, --tests, --services, --all, --downloads.',
  },
  SETUP_LOCKED: {
    what: 'Another set-up is at work and does not end',
    fix: 'Wait for it or stop it, then run the same command again; it goes on where the other one was.',
  },
  SETUP_NPM_MISSING: {
    what: 'npm was not found',
    fix: 'Install npm (it comes with Node.js) and see that it is on the PATH.',
  },
  SETUP_NPM_FAILED: {
    what: '`npm ci` failed',
    fix: 'Read its message above. Mostly the npm registry is out of reach: check the network, a proxy (npm config get proxy) or your mirror (npm config get registry), then run the same command again.',
  },
  SETUP_NATIVE_FAILED: {
    what: 'No TensorFlow runs on this machine, not even the WebAssembly one',
    fix: 'Run `npm ci`, then `npx antikythera setup`. If it fails again, `node deploy/bootstrap/native.mjs` says what was tried.',
  },
  SETUP_BUILD_FAILED: {
    what: 'The TypeScript sources do not compile',
    fix: 'Fix the errors above (npm run build shows them again). On an untouched checkout: `npm ci`, then the same command.',
  },
  SETUP_APT_MISSING: {
    what: 'Programs that the tests need are missing, and there is no apt-get to install them',
    fix: 'Install them in the way of your system, or run `npm test`, which skips what it cannot test and says so.',
  },
  SETUP_APT_FAILED: {
    what: 'apt-get could not install what the tests need',
    fix: 'Read its message above; it needs root and the Debian archive. `npm test` also runs without these packages: it skips what it cannot test and says so.',
  },
  SETUP_JAVA_MISSING: {
    what: 'Kafka and Flink need Java 17 or newer, and Maven to fetch them',
    fix: 'Install both (Debian: apt-get install default-jre-headless maven), then run the same command again.',
  },
  SETUP_KAFKA_FAILED: {
    what: 'Maven could not fetch the Kafka broker',
    fix: 'Read its message above. Mostly its repository is out of reach: set your mirror or proxy in ~/.m2/settings.xml, then run the same command again.',
  },
  SETUP_FLINK_FAILED: {
    what: 'Maven could not fetch Flink for the tests',
    fix: 'Read its message above. Mostly its repository is out of reach: set your mirror or proxy in ~/.m2/settings.xml, then run the same command again. `npm test` also runs without it: it skips what it cannot test and says so.',
  },
  SETUP_PYTHON_MISSING: {
    what: 'The tests against Hugging Face PEFT, S3 and Python clients need python3 with venv and pip',
    fix: 'Install them (Debian: apt-get install python3-venv), or run `npm test`, which skips what it cannot test and says so.',
  },
  SETUP_NODE_FAILED: {
    what: 'Another release of Node.js could not be fetched for the tests',
    fix: 'Read npm’s message above; then run the same command again. It continues from here. `npm test` runs without it.',
  },
  SETUP_PYTHON_FAILED: {
    what: 'An environment of Python for tests or benchmarks could not be made',
    fix: 'Read its message above. Mostly the Python package index is out of reach: check the network or your mirror (pip config list), then run the same command again; it goes on from here. `npm test` also runs without it: it skips what it cannot test and says so.',
  },
  SETUP_DISK_FULL: {
    what: 'The disk is full',
    fix: 'Free 2 GB, or point XDG_CACHE_HOME at a larger disk, then run the same command again.',
  },
  SETUP_NOT_WRITABLE: {
    what: 'A folder that set-up needs cannot be written',
    fix: 'Make it writable for this user, or point XDG_CACHE_HOME at a folder that is.',
  },
  SETUP_STEP_UNFINISHED: {
    what: 'A step of the set-up ended without an error, but its result is not there',
    fix: 'Run `npx antikythera setup` once more. If it stays so, delete node_modules and dist and run it again.',
  },
  SETUP_UNEXPECTED: {
    what: 'Set-up met an error that it does not know',
    fix: 'Run `npx antikythera setup` once more, and report the lines above if it stays so.',
  },
}

/** Gives an error of the operating system its code; a SetupError stays what it is. */
export function asSetupError(error, stepName) {
  if (error instanceof SetupError) return error
  const code = { ENOSPC: 'SETUP_DISK_FULL', EDQUOT: 'SETUP_DISK_FULL' }[error?.code]
  const denied = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'].includes(error?.code)
    ? 'SETUP_NOT_WRITABLE'
    : undefined
  const message = `${stepName}: ${error?.message ?? String(error)}`
  return new SetupError(code ?? denied ?? 'SETUP_UNEXPECTED', message, { cause: error })
}
