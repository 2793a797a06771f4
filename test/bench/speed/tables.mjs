/** Tables of speed against peers, one by its name: npm run bench -- speed serve, after npm run build and npm run setup. */
import { finish, machine } from '../lib/figures.mjs'

const TABLES = ['serve', 'step', 'small', 'growth', 'freshness', 'documents', 'pictures']
const [table, ...words] = process.argv.slice(2)
if (!TABLES.includes(table)) {
  process.stderr.write(`npm run bench -- speed <table>; tables: ${TABLES.join(', ')}\n`)
  process.exit(64)
}
const startedOn = machine()
const { measure } = await import(`./${table}.mjs`)
finish(`speed-${table}`, startedOn, await measure(words))
