/**
 * What was measured of the bases, printed from the kept results: npm run bench -- bases. Each table is measured by the benchmark that
 * its last line names.
 */
import { readFileSync } from 'node:fs'
import { finish, machine, round, say } from './figures.mjs'
import { sectionOf } from './render.mjs'

const tables = ['bases', 'text-defaults', 'languages']
for (const name of tables) say(`\n## ${name}\n\n${sectionOf(name)}`)

const intake = runsOf('intake').flatMap(({ name, figures: { source, results } }) =>
  results
    .filter(({ mode }) => mode === 'static')
    .map(({ perSecond, cpuMicrosPerEvent: micros }) => ({
      ...{ name, source, perSecond },
      perCpuSecond: round(1e6 / micros, 0),
    })),
)
const served = runsOf('speed-serve').filter(({ name }) => /^(in-process|http) e5-small$/.test(name))
const serving = served.map(({ name, figures }) => ({ name, ...figures }))
say(
  `\n## static through the intake\n\n| run | events/s | texts a CPU second |\n| --- | --- | --- |`,
)
for (const { name, perSecond, perCpuSecond } of intake)
  say(`| ${name} | ${perSecond} | ${perCpuSecond} |`)
say(
  '\n## e5-small in serving, one text of 16 tokens\n\n| side | p50, ms | CPU, ms |\n| --- | --- | --- |',
)
for (const { ms = {}, ...own } of serving) {
  for (const [side, { p50, cpuMs }] of Object.entries(ms['1 × 16'] ?? {}))
    say(`| ${side} | ${p50} | ${cpuMs} |`)
  for (const [model, { httpMs }] of Object.entries(own))
    if (httpMs !== undefined) say(`| over HTTP, ${model} | ${httpMs} | |`)
}
finish('bases', machine(), { tables, intake, serving })

function runsOf(table) {
  return JSON.parse(readFileSync(new URL(`../results/${table}.json`, import.meta.url), 'utf8')).runs
}
