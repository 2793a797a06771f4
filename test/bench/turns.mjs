/** The options and the results of a bench whose sides take turns of some milliseconds. */
import { parseArgs } from 'node:util'
import { machine } from './figures.mjs'
import { openResults } from './results.mjs'

/** `file`: of the results. */
export function openTurns(words, file) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '5' },
      ms: { type: 'string', default: '400' },
      fresh: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const { only, fresh } = values
  const results = openResults(file, { machine: machine(), fresh })
  return { rounds: Number(values.rounds), ms: Number(values.ms), only, results }
}
