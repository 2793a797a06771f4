/**
 * The file of one table: every run with the settings that it was made with, and the table made of them. Written whole
 * after each run, so that nothing measured is lost.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { say } from './figures.mjs'

/** Where the committed results lie. */
export const kept = fileURLToPath(new URL('../results', import.meta.url))

/** `table`: the name of its file in `folder`. */
export function openResults(table, { machine, fresh, folder = kept }) {
  const path = join(folder, `${table}.json`)
  const file = existsSync(path) && !fresh ? JSON.parse(readFileSync(path, 'utf8')) : { runs: [] }
  const write = () => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${path}.new`, text(file))
    renameSync(`${path}.new`, path)
  }
  /** Names of the runs that the table has been given. */
  const shown = new Set()
  /** Name → the settings that the table wants, where the kept run was made with others. */
  const wanted = new Map()
  return {
    runs() {
      for (const { name } of file.runs) shown.add(name)
      return file.runs
    },
    /**
     * What `work` answers, an object of figures; from the file where it holds a run of the same name and settings. With
     * `only`, a run in whose name none of these words stand is not made: undefined where the file does not hold it. `again`:
     * whatever the file holds.
     */
    async run(name, settings, work, only, again = false) {
      const known = file.runs.findIndex((run) => run.name === name)
      const before = file.runs[known]
      if (!again && before !== undefined && same(before.settings, settings)) {
        shown.add(name)
        return before.figures
      }
      if (only?.some((words) => ` ${name} `.includes(` ${words} `)) === false) {
        wanted.set(name, settings)
        return undefined
      }
      const started = performance.now()
      const figures = await work()
      const seconds = Math.round((performance.now() - started) / 1000)
      const run = { name, settings, figures, seconds }
      file.runs.splice(known < 0 ? file.runs.length : known, 1, run)
      file.machine = machine
      file.bench = table
      write()
      shown.add(name)
      say(`${name}: ${JSON.stringify(figures)} in ${seconds} s`)
      return figures
    },
    show(shownTable) {
      file.bench = table
      file.table = shownTable
      write()
      const leftOut = file.runs.filter(({ name }) => !shown.has(name))
      const stale = file.runs.filter(({ name }) => shown.has(name) && wanted.has(name))
      const list = (title, runs) => {
        if (runs.length > 0) say(`${title}: ${runs.length} of ${file.runs.length} kept runs`)
        for (const { name, settings } of runs) say(`  ${name}: ${why(settings, wanted.get(name))}`)
      }
      list('NOT IN THE TABLE', leftOut)
      list('IN THE TABLE, BUT OUT OF DATE', stale)
    },
  }
}

/** One run a line: a change of one is a change of one line. */
function text({ runs, ...rest }) {
  const lines = runs.map((run) => `    ${JSON.stringify(run)}`)
  const head = JSON.stringify({ ...rest, runs: [] }, null, 2)
  return `${head.replace(/"runs": \[\]\n}$/, () => `"runs": [\n${lines.join(',\n')}\n  ]\n}`)}\n`
}

function why(kept, wanted) {
  if (wanted === undefined) return 'the table does not ask for a run of this name'
  const keys = [...new Set([...Object.keys(kept), ...Object.keys(wanted)])]
  const differing = keys.filter((key) => !same(kept[key], wanted[key]))
  const changes = differing.map(
    (key) => `${key} was ${JSON.stringify(kept[key])}, is ${JSON.stringify(wanted[key])}`,
  )
  return `made with other settings (${changes.join('; ') || 'in another order'}); measure it again`
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other)
}
