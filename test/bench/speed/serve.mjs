/**
 * Serving against its peers and against itself: npm run bench -- speed serve [--only in-process|adapters|int8|http|tenants]
 * [--rounds 15] [--data <folder>].
 *
 * MiniLM, one thread each. Within a round all sides take turns, so that a busy machine slows all of them; ratios are medians
 * over the rounds. Each part is kept in results/speed-serve.json as soon as it is measured.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { adaptersMixed, againstPeers, int8Accuracy } from './serve-engine.mjs'
import { overHttp, tenantsMixed } from './serve-http.mjs'

const parts = {
  'in-process': againstPeers,
  adapters: adaptersMixed,
  int8: int8Accuracy,
  http: overHttp,
  tenants: tenantsMixed,
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string', default: '15' },
      data: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('speed-serve', { machine: machine(), fresh: values.fresh })
  const settings = { rounds: Number(values.rounds), threads: 1 }
  for (const [name, work] of Object.entries(parts)) {
    const all = { ...settings, data: values.data }
    await results.run(name, settings, () => work(all), values.only)
  }
  // Parts are measured by themselves, with rounds of their own.
  const table = Object.fromEntries(results.runs().map(({ name, figures }) => [name, figures]))
  results.show(table)
  return { table }
}
