/**
 * The file of one table: every run with the settings that it was made with, and the table made of them. Written whole
 * after each run, so that nothing measured is lost.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { say } from './figures.mjs'

export function openResults(path, { machine, fresh }) {
  const file = existsSync(path) && !fresh ? JSON.parse(readFileSync(path, 'utf8')) : { runs: [] }
  const write = () => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, text(file))
    renameSync(`${path}.new`, path)
  }
  return {
    runs: () => file.runs,
    /**
     * What `work` answers, an object of figures; from the file where it holds a run of the same name and settings. With
     * `only`, a run in whose name none of these words stand is not made: undefined where the file does not hold it.
     */
    async run(name, settings, work, only) {
      const known = file.runs.findIndex((run) => run.name === name)
      const before = file.runs[known]
      if (before !== undefined && same(before.settings, settings)) return before.figures
      if (only?.some((words) => ` ${name} `.includes(` ${words} `)) === false) return undefined
      const started = performance.now()
      const figures = await work()
      const seconds = Math.round((performance.now() - started) / 1000)
      const run = { name, settings, figures, seconds }
      file.runs.splice(known < 0 ? file.runs.length : known, 1, run)
      file.machine = machine
      write()
      say(`${name}: ${JSON.stringify(figures)} in ${seconds} s`)
      return figures
    },
    show(table) {
      file.bench = basename(path, '.json')
      file.table = table
      write()
    },
  }
}

/** One run a line: a change of one is a change of one line. */
function text({ runs, ...rest }) {
  const lines = runs.map((run) => `    ${JSON.stringify(run)}`)
  const head = JSON.stringify({ ...rest, runs: [] }, null, 2)
  return `${head.replace(/"runs": \[\]\n}$/, () => `"runs": [\n${lines.join(',\n')}\n  ]\n}`)}\n`
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other)
}
