/**
 * The tables of policies/README.md, one by one: node test/bench/continual/tables.mjs <table> --data <folder> [--seeds 5]
 * [--only <words of a run's name>] [--results <folder>] [--fresh] [--rows 8000, of `labels` and `pairs`]
 *
 * Each table is a file `<table>.mjs` that exports `measure(bench)` and answers what the table shows:
 * `{ columns, rows, note? }`. Its runs go through `bench.run`, which keeps each in `<results>/continual-<table>.json` as
 * soon as it is there: a table that was interrupted, or that gets another row, goes on where it was.
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { TABLES } from '../../../dist/src/cli/commands/bench.js'
import { kept, openResults } from '../lib/results.mjs'
import { finish, machine, say } from '../lib/figures.mjs'
import { render } from '../lib/render.mjs'

const { continual: tables } = TABLES
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    results: { type: 'string', default: kept },
    fresh: { type: 'boolean', default: false },
    rows: { type: 'string', default: '8000' },
  },
})
const [table] = positionals
if (positionals.length !== 1 || !tables.includes(table)) {
  say(`continual measures one table: ${tables.join(', ')}`)
  process.exit(64)
}
const seeds = Number(values.seeds)
if (!Number.isInteger(seeds) || seeds < 1) {
  say(`--seeds is how many: ${values.seeds} is no whole number`)
  process.exit(64)
}
const startedOn = machine()
const results = openResults(`continual-${table}`, {
  machine: startedOn,
  fresh: values.fresh,
  folder: resolve(values.results),
})
const { measure } = await import(`./${table}.mjs`)
const shown = await measure({
  rows: Number(values.rows),
  data: values.data === undefined ? undefined : resolve(values.data),
  seeds: Array.from({ length: seeds }, (_, at) => at + 1),
  run: (name, settings, work) => results.run(name, settings, work, values.only),
  runs: () => results.runs(),
  say,
})
results.show(shown)
if (resolve(values.results) === kept) await render()
finish(`continual-${table}`, startedOn, shown)
// Engines may leave threads behind.
process.exit(0)
