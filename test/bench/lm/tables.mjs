/** Tables of language models against peers, one by its name: npm run bench -- lm train, after npm run setup. */
import { finish, machine } from '../lib/figures.mjs'

const TABLES = [
  'train',
  'decode',
  'prefixes',
  'preferences',
  'thumbs',
  'summaries',
  'freshness',
  'harness',
  'memory',
  'rules',
  'retrieval',
  'recall',
]
const [table, ...words] = process.argv.slice(2)
if (!TABLES.includes(table)) {
  process.stderr.write(`npm run bench -- lm <table>; tables: ${TABLES.join(', ')}\n`)
  process.exit(64)
}
const startedOn = machine()
const { measure } = await import(`./${table}.mjs`)
finish(`lm-${table}`, startedOn, await measure(words))
// Engines may leave threads behind.
process.exit(0)
