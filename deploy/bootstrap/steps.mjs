/**
 * The table of set-up steps, in order. `when` says who needs the step: `always`, `tests` (npm test and CI) or `all`
 * (CI only, where every service is installed so that no test is skipped). A new need of the project is a new row.
 */
import { aptStep } from './apt.mjs'
import { buildStep } from './build.mjs'
import { nativeStep } from './native.mjs'
import { npmStep } from './npm-packages.mjs'
import { npxStep } from './npx-link.mjs'

export const STEPS = [
  { when: 'always', ...npmStep },
  { when: 'always', ...npxStep },
  { when: 'always', ...nativeStep },
  { when: 'always', ...buildStep },
  { when: 'all', ...aptStep({ 'redis-server': 'redis-server', chromium: 'chromium' }) },
]

export function stepsFor({ tests, all }) {
  const wanted = ['always', ...(tests || all ? ['tests'] : []), ...(all ? ['all'] : [])]
  return STEPS.filter((step) => wanted.includes(step.when))
}
