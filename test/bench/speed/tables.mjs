/** Tables of speed against peers, one by its name: npm run bench -- speed serve, after npm run build and npm run setup. */
import { TABLES } from '../../../dist/src/cli/commands/bench.js'
import { finish, machine } from '../lib/figures.mjs'

const { speed: tables } = TABLES
const [table, ...words] = process.argv.slice(2)
if (!tables.includes(table)) {
  process.stderr.write(`npm run bench -- speed <table>; tables: ${tables.join(', ')}\n`)
  process.exit(64)
}
const startedOn = machine()
const { measure } = await import(`./${table}.mjs`)
finish(`speed-${table}`, startedOn, await measure(words))
