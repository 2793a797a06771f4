/** Tables of language models against peers, one by its name: npm run bench -- lm train, after npm run setup. */
import { TABLES } from '../../../dist/src/cli/commands/bench.js'
import { finish, machine } from '../lib/figures.mjs'

const { lm: tables } = TABLES
const [table, ...words] = process.argv.slice(2)
if (!tables.includes(table)) {
  process.stderr.write(`npm run bench -- lm <table>; tables: ${tables.join(', ')}\n`)
  process.exit(64)
}
const startedOn = machine()
const { measure } = await import(`./${table}.mjs`)
finish(`lm-${table}`, startedOn, await measure(words))
// Engines may leave threads behind.
process.exit(0)
