/**
 * Fills the marked sections of policies/results-*.md from the committed results:
 *
 *     <!-- table: mnist -->  …  <!-- /table -->        from results/continual-mnist.json
 *     <!-- table: poison -->  …  <!-- /table -->       from results/poison.json
 *
 * node test/bench/lib/render.mjs [--check]: with --check it writes nothing, and a section that differs is a failure.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { say } from './figures.mjs'

const folder = fileURLToPath(new URL('../../../policies', import.meta.url))
const section = /(<!-- table: ([a-z-]+) -->\n)[^]*?(<!-- \/table -->)/g

/** The names of the files that did not have these tables yet. */
export async function render({ isCheck = false } = {}) {
  const changed = []
  for (const name of readdirSync(folder).filter((file) => /^results-.*\.md$/.test(file))) {
    const path = join(folder, name)
    const before = readFileSync(path, 'utf8')
    const filled = before.replace(
      section,
      (_, start, table, end) => `${start}\n${sectionOf(table)}\n\n${end}`,
    )
    const options = await resolveConfig(path)
    const after = await format(filled, { ...options, filepath: path })
    if (after === before) continue
    changed.push(name)
    if (!isCheck) writeFileSync(path, after)
  }
  return changed
}

/** The table of that name with its note and its machine, in Markdown. */
export function sectionOf(name) {
  const files = [`continual-${name}`, name].map((file) =>
    fileURLToPath(new URL(`../results/${file}.json`, import.meta.url)),
  )
  const path = files.find((file) => existsSync(file))
  if (path === undefined) return 'Not measured yet.'
  const { bench, table, machine } = JSON.parse(readFileSync(path, 'utf8'))
  const { columns, rows, note } = table
  const lines = [columns, columns.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  )
  const made = `Measured with \`npm run bench -- ${commandOf(bench)}\` on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}.`
  return [lines.join('\n'), ...(note === undefined ? [] : [note]), made].join('\n\n')
}

/** `continual-text` is `continual text`, `lm-rules` is `lm rules`, and `poison-dev` is `poison --dev`. */
function commandOf(bench) {
  return bench.replace(/^(continual|lm)-/, '$1 ').replace(/-dev$/, ' --dev')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check')
  const changed = await render({ isCheck })
  if (isCheck && changed.length > 0) {
    say(
      `policies/${changed.join(', ')} differs from test/bench/results: node test/bench/lib/render.mjs`,
    )
    process.exitCode = 70
  }
}
