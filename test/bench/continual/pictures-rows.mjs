/** Pictures in the order in which the table `pictures` teaches them, and their values at a cut. */
import { shuffled } from '../../../deploy/examples/baselines.mjs'
import { CLEAN, KNOWN, NEW, pictures } from '../../../deploy/examples/manipulated-pictures/rows.mjs'
import { cells, KINDS, mirrored } from '../../../deploy/examples/solar-cells/rows.mjs'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { say } from '../lib/figures.mjs'

/** For tests as the example teaches them, each as it is and mirrored. The package gives one set of cells: a seed draws the order. */
export async function cellStream(seed) {
  const rows = await cells()
  const of = (is) => KINDS.map((kind) => rows.filter((row) => row.kind === kind && is(row.part)))
  if (seed === 'dev') {
    const taught = of((part) => part === 'taught').flat()
    return { phases: [taught], asked: of((part) => part === 'chosen-on').flat() }
  }
  const random = openRandom(seed, 'cells')
  const both = async (row) => [row, { ...row, file: await mirrored(row) }]
  const twice = async (phase) => shuffled((await Promise.all(phase.map(both))).flat(), random)
  const phases = await Promise.all(of((part) => part !== 'asked').map(twice))
  return { phases, asked: of((part) => part === 'asked').flat() }
}

/** For development all kinds at once; for tests the counts of the example. */
export async function manipulationStream(seed) {
  const made = async (stream, labels, count) => {
    const rows = await pictures(openRandom(seed === 'dev' ? 2 : seed, stream), labels, { count })
    return rows.map(({ label, residual }) => ({ label, file: () => residual }))
  }
  const kinds = [...KNOWN, NEW]
  if (seed === 'dev') {
    const taught = await made('taught', [CLEAN, ...kinds], 40)
    return { phases: [taught], asked: await made('asked', [CLEAN, ...kinds], 40) }
  }
  const known = shuffled(await made('known', [CLEAN, ...KNOWN], 80), openRandom(seed, 'order'))
  const asked = [...(await made('clean', [CLEAN], 200)), ...(await made('test', kinds, 50))]
  return { phases: [known, await made('new', [NEW], 50)], asked }
}

/** `latents(view, cut)`: of all rows, key → latent; made once for each trunk. */
export async function encoded(base, { phases, asked }) {
  const rows = [...phases.flat(), ...asked]
  say(`${rows.length} pictures are decoded`)
  for (const [at, row] of rows.entries()) {
    const input = { kind: 'image', image: row.file().toString('base64') }
    await base.prepare(input, 1)
    Object.assign(row, { key: String(at), encoded: base.encode(input, 1) })
  }
  const made = new Map()
  const latents = async (view, cut) => {
    const name = String(view.trunk ?? cut)
    if (!made.has(name)) made.set(name, await latentsOf(view, cut, rows))
    return made.get(name)
  }
  return { phases, asked, base, latents }
}

async function latentsOf(base, cut, rows) {
  const engine = await openTrunkEngine(base, cut)
  const latents = new Map()
  for (let from = 0; from < rows.length; from += 64) {
    const some = rows.slice(from, from + 64)
    const made = await engine.encode(some.map((row) => row.encoded))
    for (const [at, { key }] of some.entries()) latents.set(key, made[at])
  }
  await engine.close()
  return latents
}
