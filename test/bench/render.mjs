/**
 * Fills the marked sections of policies/README.md from the results that are committed:
 *
 *     <!-- table: mnist -->  …  <!-- /table -->        from results/continual-mnist.json
 *
 * node test/bench/render.mjs [--check]: with --check nothing is written, and a section that differs is a failure.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { say } from './figures.mjs'

const readme = fileURLToPath(new URL('../../policies/README.md', import.meta.url))
const section = /(<!-- table: ([a-z-]+) -->\n)[^]*?(<!-- \/table -->)/g

/** Whether the README said so already. */
export async function render({ isCheck = false } = {}) {
  const before = readFileSync(readme, 'utf8')
  const filled = before.replace(
    section,
    (_, start, name, end) => `${start}\n${sectionOf(name)}\n\n${end}`,
  )
  const options = await resolveConfig(readme)
  const after = await format(filled, { ...options, filepath: readme })
  if (after !== before && !isCheck) writeFileSync(readme, after)
  return after === before
}

function sectionOf(name) {
  const path = fileURLToPath(new URL(`results/continual-${name}.json`, import.meta.url))
  if (!existsSync(path)) return 'Not measured yet.'
  const { table, machine } = JSON.parse(readFileSync(path, 'utf8'))
  const { columns, rows, note } = table
  const lines = [columns, columns.map(() => '---'), ...rows].map(
    (cells) => `| ${cells.join(' | ')} |`,
  )
  const made = `Measured with \`npm run bench -- continual ${name}\` on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}.`
  return [lines.join('\n'), ...(note === undefined ? [] : [note]), made].join('\n\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check')
  const isSame = await render({ isCheck })
  if (isCheck && !isSame) {
    say(
      'policies/README.md says something else than test/bench/results: node test/bench/render.mjs',
    )
    process.exitCode = 70
  }
}
