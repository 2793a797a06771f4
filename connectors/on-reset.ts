/** A setting of sources that may be replaced by other content under the same name. */
import type { Setting } from '../src/contracts/core.ts'

export const onReset = (what: string) =>
  ({
    type: 'choice',
    options: ['start', 'end', 'stop'],
    default: 'start',
    description: `where to continue in ${what}; stop = not automatically`,
  }) as const satisfies Setting
