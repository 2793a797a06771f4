/**
 * Documents: pages a second of each base through the parts of a document, beside the trunk of that base alone on the same parts.
 *
 *   npm run bench -- speed documents [--pages 20] [--rounds 3] [--only static] [--fresh]
 *
 * A page has 3,000 characters of made sentences; parts of 64 and of 256 tokens. CPU time of all threads, and seconds on the clock; a round asks
 * for both sides, in turns. Kept in results/speed-documents.json.
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { openDocument } from '../../../dist/src/bases/document/document.js'
import { partsOf } from '../../../dist/src/bases/document/parts.js'
import { FrozenEncoder } from '../../../dist/src/bases/frozen-encoder.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { contract } from '../../../deploy/examples/contracts/rows.mjs'
import { cpuTime, machine, median, round } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'

const BASES = ['static', 'minilm', 'e5-small']
const TOKENS = [64, 256]
const PAGE = 3000
const PARAGRAPH = 100
/** A table of vectors reads a page in so little time that more of them are needed. */
const MORE = { static: 10 }

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      pages: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true },
      fresh: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds)
  const results = openResults('speed-documents', { machine: machine(), fresh: values.fresh })
  for (const name of BASES)
    for (const tokens of TOKENS) {
      const pages = Number(values.pages) * (MORE[name] ?? 1)
      const work = () => pagesOf(name, { tokens, pages, rounds })
      await results.run(`${name} · ${tokens} tokens`, { tokens, pages, rounds }, work, values.only)
    }
  const rows = results.runs().map(({ name, figures }) => ({ of: name, ...figures }))
  results.show(rows)
  return { rounds, rows }
}

async function pagesOf(name, { tokens, pages, rounds }) {
  const base = await openBase(name)
  const document = openDocument(base, 'best')
  const encoder = new FrozenEncoder(base)
  const { text } = contract(openRandom(1, name), 'taught', Math.round((pages * PAGE) / PARAGRAPH))
  const encode = (part) => base.encode({ kind: 'text', text: part }, tokens)
  const cut = [...partsOf(text, tokens, encode)].map(({ from, to }) => text.slice(from, to))
  const sides = {
    whole: () => document.prepare({ kind: 'document', document: text }, tokens),
    // Each part is read and embedded, and nothing has to be cut.
    trunk: () => encoder.embedRows(cut.map(encode)),
  }
  const cpu = { whole: [], trunk: [] }
  const clock = { whole: [], trunk: [] }
  for (let turn = 0; turn <= rounds; turn += 1)
    for (const [side, work] of Object.entries(sides)) {
      const [spent, from] = [cpuTime(), performance.now()]
      await work()
      // The first turn starts the threads.
      if (turn === 0) continue
      cpu[side].push(spent() / 1000)
      clock[side].push((performance.now() - from) / 1000)
    }
  const read = text.length / PAGE
  return {
    parts: cut.length,
    pagesPerCpuSecond: round(read / median(cpu.whole), 1),
    pagesPerSecond: round(read / median(clock.whole), 1),
    ofTrunk: round(median(cpu.trunk) / median(cpu.whole), 3),
  }
}
