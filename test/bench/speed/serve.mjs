/**
 * Serving against its peers and against itself: npm run bench -- speed serve [--only in-process|adapters|int8|http|tenants]
 * [--base e5-small] [--rounds 15] [--data <folder>].
 *
 * MiniLM, or the base that is named, one thread each. Within a round all sides take turns, so that a busy machine slows all of them; ratios are medians
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

/** The others name their own. */
const ofAnyBase = ['in-process', 'http']

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      only: { type: 'string', multiple: true },
      base: { type: 'string', default: 'minilm' },
      rounds: { type: 'string', default: '15' },
      data: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('speed-serve', { machine: machine(), fresh: values.fresh })
  const settings = { rounds: Number(values.rounds), threads: 1 }
  const { base, data } = values
  for (const [part, work] of Object.entries(parts)) {
    if (base !== 'minilm' && !ofAnyBase.includes(part)) continue
    const name = base === 'minilm' ? part : `${part} ${base}`
    await results.run(name, settings, () => work({ ...settings, base, data }), values.only)
  }
  // Parts are measured by themselves, with rounds of their own.
  const table = Object.fromEntries(results.runs().map(({ name, figures }) => [name, figures]))
  results.show(table)
  return { table }
}
