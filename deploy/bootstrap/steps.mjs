/**
 * The table of set-up steps, in order. `when` says who needs the step: `always`, `checkout` (not a
 * package that npm installed, which is built and has its packages), `tests` (npm test and CI), `services`
 * (who starts a broker on this machine) or `all` (CI only, where every service is installed so that no test is
 * skipped). What needs nothing of the checkout has a lock of its own, so that it can be fetched beside the packages and
 * the build. A new need of the project is a new row.
 */
import { aptStep } from './apt.mjs'
import { buildStep } from './build.mjs'
import { flinkStep, kafkaStep } from './maven.mjs'
import { nativeStep } from './native.mjs'
import { nodeVersionsStep } from './node-versions.mjs'
import { npmStep } from './npm-packages.mjs'
import { npxStep } from './npx-link.mjs'
import { peftStep } from './peft.mjs'
import { clientsStep, motoStep, schemathesisStep } from './python-venv.mjs'

/** @import { Step } from './set-up.mjs' */

const lock = 'downloads'

export const STEPS = [
  { when: 'checkout', ...npmStep },
  { when: 'checkout', ...npxStep },
  { when: 'always', ...nativeStep },
  { when: 'checkout', ...buildStep },
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
 * @param {{ tests?: boolean, services?: boolean, all?: boolean, downloads?: boolean }} flags
 * @returns {Step[]}
 */
export function stepsFor({ tests, all, services, downloads }, { isCheckout = true } = {}) {
  if (downloads) return STEPS.filter((step) => step.lock === lock)
  const wanted = isCheckout ? ['always', 'checkout'] : ['always']
  if (tests || all) wanted.push('tests')
  if (services || all) wanted.push('services')
  if (all) wanted.push('all')
  return STEPS.filter((step) => wanted.includes(step.when))
}
