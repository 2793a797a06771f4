/** The table of what was run: mean ± standard deviation over the seeds. */
import { datasets } from '../lib/text-stream.mjs'

export function tableOf(runs, configs) {
  const names = Object.keys(datasets)
  return {
    columns: [
      'method · replay',
      ...names.flatMap((name) => [name, 'forgetting', 'of its own']),
      'trainable numbers',
      'seeds',
    ],
    rows: configs
      .filter(([name]) => runs.some((run) => run.name.includes(` · ${name} · seed`)))
      .map(([name]) => rowOf(name, names, runs)),
    note: 'At the end, in %, mean ± standard deviation over seeds, which change the order of the stream and what is drawn. Closed forms give the same whatever the order. `of its own`: forgetting where a task has only its own labels to choose from.',
  }
}

function rowOf(name, names, runs) {
  const of = (dataset) => runs.filter((run) => run.name.startsWith(`${dataset} · ${name} · seed`))
  const all = names.map((dataset) => of(dataset).map(({ figures }) => figures))
  const cells = all.flatMap((figures) => [
    spread(figures.map(({ accuracy }) => accuracy)),
    spread(figures.map(({ forgetting }) => forgetting)),
    spread(figures.map(({ forgettingOwn }) => forgettingOwn)),
  ])
  const parameters = all.map(([first]) => first?.parameters.toLocaleString('en') ?? '–')
  return [name, ...cells, parameters.join(' / '), all.map(({ length }) => length).join(' / ')]
}

export function spread(values) {
  if (values.length === 0 || values.includes(null)) return '–'
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  if (values.length === 1) return mean.toFixed(1)
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return `${mean.toFixed(1)} ± ${Math.sqrt(square / (values.length - 1)).toFixed(1)}`
}
