/**
 * Intents as a class-incremental stream: the labels in alphabetical order, so many of them a task, and the texts of one task
 * shuffled. What learns is never told where a task begins.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

/** How many labels a task has. */
export const datasets = { banking77: 11, clinc150: 10 }

export function readTexts(folder, dataset, part) {
  const file = gunzipSync(readFileSync(join(folder, dataset, `${part}.jsonl.gz`)))
  const lines = file.toString('utf8').trimEnd().split('\n')
  return lines.map((line, at) => ({ key: `${part}-${at}`, ...JSON.parse(line) }))
}

/** The labels of each task. */
export function tasksOf(rows, dataset) {
  const labels = [...new Set(rows.map(({ label }) => label))].sort()
  const size = datasets[dataset]
  return Array.from({ length: Math.ceil(labels.length / size) }, (_, task) =>
    labels.slice(task * size, (task + 1) * size),
  )
}

/** The rows of each task, in the order in which they come. */
export function streamOf(rows, tasks, random) {
  return tasks.map((labels) =>
    shuffled(
      rows.filter(({ label }) => labels.includes(label)),
      random,
    ),
  )
}

export function shuffled(rows, random) {
  const order = [...rows]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const at = random.below(last + 1)
    ;[order[last], order[at]] = [order[at], order[last]]
  }
  return order
}
