/** A setting of sources whose content may be replaced under its name. */
import type { Setting } from '../src/contracts/core.ts'

export const onReset = (what: string) =>
  ({
    type: 'choice',
    options: ['start', 'end', 'stop'],
    default: 'start',
    description: `where to continue in ${what}; stop = not automatically`,
  }) as const satisfies Setting
