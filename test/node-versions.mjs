/**
 * Runs the unit tests, and the tests of every native part and of both processes, under each other supported release of
 * Node.js that set-up has fetched (`node deploy/bootstrap/main.mjs --all`).
 *
 *   node test/node-versions.mjs        all of them
 *   node test/node-versions.mjs 24     one of them
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE_VERSIONS, nodeBinary } from '../deploy/bootstrap/node-versions.mjs'

const run = join(dirname(fileURLToPath(import.meta.url)), 'run.mjs')

const running = process.versions.node.split('.')[0]
const wanted = process.argv.slice(2)
const majors = wanted.length > 0 ? wanted : Object.keys(NODE_VERSIONS)
let failed = 0
for (const major of majors.filter((each) => each !== running || wanted.length > 0)) {
  const node = nodeBinary(major)
  if (!node) {
    console.log(`Node.js ${major} is not here: node deploy/bootstrap/main.mjs --all fetches it`)
    failed++
    continue
  }
  console.log(`== Node.js ${major}: ${node}`)
  const path = `${dirname(node)}:${process.env.PATH}`
  const { status } = spawnSync(node, [run, '--versions'], {
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  })
  if (status !== 0) failed++
}
process.exitCode = failed > 0 ? 1 : 0
