/** The tables of policies/README.md say what was measured, and a measurement that was interrupted goes on. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openRandom } from '../../../src/platform/random.ts'
import { scratchFolder } from '../../scratch-folder.ts'

interface Run {
  readonly name: string
  readonly settings: object
  readonly figures: { readonly value: number }
}

const results = new URL('../lib/results.mjs', import.meta.url).href

function program(name: string, ...args: readonly string[]) {
  const path = fileURLToPath(new URL(name, import.meta.url))
  return spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' })
}

test('the README has the tables of the results that are committed', () => {
  const { status, stderr } = program('../lib/render.mjs', '--check')
  expect(stderr).toBe('')
  expect(status).toBe(0)
})

test('no room of the benchmarks imports another, but all may import lib', () => {
  const bench = fileURLToPath(new URL('..', import.meta.url))
  const paths = readdirSync(bench, { recursive: true, encoding: 'utf8' })
  const crossing = paths
    .filter((path) => /\.(mjs|cjs|ts)$/.test(path))
    .flatMap((path) => {
      const imports = readFileSync(join(bench, path), 'utf8').matchAll(/'\.\.\/(\w+)\/[^']+'/g)
      const rooms = [...imports].map(([, room]) => room)
      const isOther = (room = '') =>
        !['lib', 'results'].includes(room) && existsSync(join(bench, room))
      return rooms.filter(isOther).map((room) => `${path} → ${room}`)
    })
  expect(crossing).toEqual([])
})

test('a table that is not there is a usage mistake', () => {
  const { status, stderr } = program('tables.mjs', 'mnits')
  expect(status).toBe(64)
  expect(stderr).toContain('mnist')
})

test('a run is made once for its name and settings, and kept at once', () => {
  const options = { machine: {}, fresh: false, folder: scratchFolder() }
  const path = join(options.folder, 'continual-x.json')
  const made = (name: string, lr: number, only?: string) => {
    const code = `
      const { openResults } = await import(${JSON.stringify(results)})
      const file = openResults('continual-x', ${JSON.stringify(options)})
      const only = ${JSON.stringify(only ? [only] : null)} ?? undefined
      let made = false
      await file.run('${name}', { lr: ${lr} }, () => { made = true; return { value: ${lr} } }, only)
      console.log(made)`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code])
    return stdout.toString().trim() === 'true'
  }
  expect(made('er 200', 1)).toBe(true)
  expect(made('er 200', 1)).toBe(false)
  expect(made('er 500', 1, 'der')).toBe(false)
  expect(made('er 500', 1, 'er')).toBe(true)
  expect(made('er 200', 2)).toBe(true)
  const { runs } = JSON.parse(readFileSync(path, 'utf8')) as { runs: Run[] }
  expect(runs.map(({ name, figures }) => [name, figures.value])).toEqual([
    ['er 200', 2],
    ['er 500', 1],
  ])
})

test('kept runs that a table leaves out are named, with the settings that have changed', () => {
  const options = { machine: {}, fresh: false, folder: scratchFolder() }
  const path = join(options.folder, 'continual-x.json')
  const kept = [
    { name: 'er 200', settings: { lr: 1, depth: 2 }, figures: { value: 1 } },
    { name: 'er 500', settings: { lr: 1 }, figures: { value: 1 } },
    { name: 'old', settings: {}, figures: { value: 1 } },
  ]
  writeFileSync(path, JSON.stringify({ runs: kept }))
  const code = `
    const { openResults } = await import(${JSON.stringify(results)})
    const file = openResults('continual-x', ${JSON.stringify(options)})
    const ask = (name, settings) => file.run(name, settings, () => ({ value: 2 }), ['none'])
    await ask('er 200', { lr: 2, depth: 2 })
    await ask('er 500', { lr: 1 })
    file.show({ columns: [], rows: [] })
    file.runs()
    file.show({ columns: [], rows: [] })`
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code])
  expect(stderr.toString().trim().split('\n')).toEqual([
    'NOT IN THE TABLE: 2 of 3 kept runs',
    '  er 200: made with other settings (lr was 1, is 2); measure it again',
    '  old: the table does not ask for a run of this name',
    'IN THE TABLE, BUT OUT OF DATE: 1 of 3 kept runs',
    '  er 200: made with other settings (lr was 1, is 2); measure it again',
  ])
})

test('digits that come two by two are forgotten without replay, and known with it', () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'images', 'mnist'), { recursive: true })
  const random = openRandom(1, 'digits')
  for (const [part, count] of [
    ['train', 2000],
    ['test', 200],
  ] as const) {
    // Each digit lights other pixels of the same 200, most of the time.
    const rows = Array.from({ length: count }, (_, at) => {
      const isLit = (pixel: number) =>
        pixel < 200 && (pixel * ((at % 10) + 2)) % 13 < 6 !== random.uniform() < 0.2
      const features = Array.from({ length: 784 }, (__, pixel) => (isLit(pixel) ? 255 : 0))
      return JSON.stringify({ features, label: at % 10 })
    })
    writeFileSync(join(folder, 'images', 'mnist', `${part}.jsonl.gz`), gzipSync(rows.join('\n')))
  }
  const words = ['mnist', '--data', folder, '--results', folder, '--seeds', '1']
  const { status } = program('tables.mjs', ...words, '--only', 'SGD', '--only', 'DER++ 500')
  expect(status).toBe(0)
  const path = join(folder, 'continual-mnist.json')
  const { runs, table } = JSON.parse(readFileSync(path, 'utf8')) as {
    runs: { readonly figures: { readonly tasks: readonly number[] } }[]
    table: { rows: (string | number)[][] }
  }
  const [sgd, der] = runs.map(({ figures }) => figures.tasks)
  expect(Math.max(...sgd!.slice(0, 3))).toBeLessThan(30)
  expect(Math.min(...der!)).toBeGreaterThan(70)
  expect(table.rows.filter((row) => row.includes('not measured'))).toHaveLength(11)
})
