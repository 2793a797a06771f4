/**
 * The table of set-up steps, in order. `when` says who needs the step: `always`, `checkout` (not a
 * package that npm installed, which is built and has its packages), `modules` (who does more in a checkout than start the
 * programs), `tests` (npm test and CI), `services`
 * (who starts a broker on this machine) or `all` (CI only, where every service is installed so that no test is
 * skipped). What needs nothing of the checkout has a lock of its own, so that it can be fetched beside the packages and
 * the build. A new need of the project is a new row.
 */
import { modulesStep, programsStep } from './build.mjs'
import { flinkStep, kafkaStep } from './maven.mjs'
import { nativeStep } from './native.mjs'
import { nodeVersionsStep } from './node-versions.mjs'
import { npmStep, npxStep } from './npm-packages.mjs'
import { peftStep } from './peft.mjs'
import { clientsStep, motoStep, schemathesisStep } from './python-venv.mjs'
import { SetupError } from './errors.mjs'
import { runOrFail, which } from './tool.mjs'

/** @import { Step } from './set-up.mjs' */

const lock = 'downloads'

export const STEPS = [
  { when: 'checkout', ...npmStep },
  { when: 'checkout', ...npxStep },
  { when: 'always', ...nativeStep },
  { when: 'checkout', ...programsStep },
  { when: 'modules', ...modulesStep },
  {
    when: 'all',
    lock,
    ...aptStep({
      'redis-server': 'redis-server',
      chromium: 'chromium',
      java: 'default-jre-headless',
      mvn: 'maven',
      openssl: 'openssl',
      'qemu-x86_64': 'qemu-user',
    }),
  },
  { when: 'services', lock, ...kafkaStep },
  { when: 'all', lock, ...flinkStep },
  { when: 'all', lock, ...clientsStep },
  { when: 'all', lock, ...motoStep },
  { when: 'all', lock, ...schemathesisStep },
  { when: 'all', lock, ...peftStep },
  { when: 'all', lock, ...nodeVersionsStep },
]

/**
 * @param {{ programs?: boolean, tests?: boolean, services?: boolean, all?: boolean, downloads?: boolean }} flags
 * @returns {Step[]}
 */
export function stepsFor(
  { programs, tests, all, services, downloads },
  { isCheckout = true } = {},
) {
  if (downloads) return STEPS.filter((step) => step.lock === lock)
  const wanted = isCheckout ? ['always', 'checkout'] : ['always']
  if (isCheckout && (!programs || tests || all)) wanted.push('modules')
  if (tests || all) wanted.push('tests')
  if (services || all) wanted.push('services')
  if (all) wanted.push('all')
  return STEPS.filter((step) => wanted.includes(step.when))
}

/**
 * Debian packages that some tests need: installed where CI runs, never on a user's machine.
 *
 * `commands` names for each program on the PATH the Debian package that brings it.
 */
export function aptStep(commands) {
  const missing = ({ env }) => Object.keys(commands).filter((command) => !which(command, env))
  return {
    name: `Debian packages (${Object.values(commands).join(', ')})`,
    done: ({ places }) => missing(places).length === 0,
    async run(context) {
      const { places } = context
      const packages = missing(places).map((command) => commands[command])
      if (!which('apt-get', places.env))
        throw new SetupError('SETUP_APT_MISSING', packages.join(', '))
      await aptGet(['update'], context)
      await aptGet(['install', '-y', '--no-install-recommends', ...packages], context)
      return packages.join(', ')
    },
  }
}

async function aptGet(args, context) {
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  await runOrFail('apt-get', [...options, ...args], {
    ...context,
    code: 'SETUP_APT_FAILED',
    doing: () => `apt-get ${args[0]}`,
    env: { ...context.places.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
