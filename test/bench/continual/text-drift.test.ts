/** The bench of domain drift tests on sentences that nothing learns, and chooses settings without them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratchFolder } from '../../scratch-folder.ts'

interface Row {
  readonly key: string
  readonly site: string
}

interface Parts {
  readonly stream: readonly (readonly Row[])[]
  readonly tests: readonly (readonly Row[])[]
}

const moduleOf = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)

function answer(code: string): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(stdout, stderr).not.toBe('')
  return JSON.parse(stdout) as unknown
}

function domains(sites: readonly string[], seed: number, isDevelopment: boolean): Parts {
  const parts = answer(`
    const { domainStream } = await import(${moduleOf('text-drift-stream.mjs')})
    const options = { isDevelopment: ${isDevelopment} }
    console.log(JSON.stringify(domainStream(${JSON.stringify(sites)}, ${seed}, options)))`)
  return parts as Parts
}

const keysOf = (rows: readonly (readonly Row[])[]) => rows.flat().map(({ key }) => key)

test('the report teaches 800 sentences a site, in the order of the sites, and tests 200 others', () => {
  const { stream, tests } = domains(['yelp', 'amazon', 'imdb'], 101, false)
  expect(stream.map((rows) => [...new Set(rows.map(({ site }) => site))])).toEqual([
    ['yelp'],
    ['amazon'],
    ['imdb'],
  ])
  expect(stream.map(({ length }) => length)).toEqual([800, 800, 800])
  expect(tests.map(({ length }) => length)).toEqual([200, 200, 200])
  const taught = new Set(keysOf(stream))
  expect(keysOf(tests).filter((key) => taught.has(key))).toEqual([])
})

test('a seed changes the order and not the split; development opens no test sentence of the report', () => {
  const sites = ['yelp', 'amazon', 'imdb']
  const [one, other] = [domains(sites, 101, false), domains(sites, 102, false)]
  expect(keysOf(one.tests)).toEqual(keysOf(other.tests))
  expect(keysOf(one.stream)).not.toEqual(keysOf(other.stream))
  expect(keysOf(one.stream).sort()).toEqual(keysOf(other.stream).sort())
  const chosen = domains(['amazon', 'imdb', 'yelp'], 1, true)
  const kept = new Set(keysOf(one.tests))
  const opened = [...keysOf(chosen.stream), ...keysOf(chosen.tests)]
  expect(opened).toHaveLength(2400)
  expect(new Set(opened).size).toBe(2400)
  expect(opened.filter((key) => kept.has(key))).toEqual([])
})

test('forgetting is the best accuracy of a domain minus its last, over all domains before the last', () => {
  const figures = answer(`
    const { figuresOf } = await import(${moduleOf('text-drift-learner.mjs')})
    console.log(JSON.stringify(figuresOf(81.234, [[90], [84, 70], [87, 76, 60]])))`)
  // 90 − 87 and 76 − 76.
  expect(figures).toEqual({ prequential: 81.23, heldOut: 74.33, forgetting: 1.5 })
})

test('the guesses that need no model are made, and kept with their figures', () => {
  const folder = scratchFolder()
  const program = new URL('tables.mjs', import.meta.url).pathname
  const words = ['text-drift', '--results', folder, '--seeds', '1']
  const only = ['--only', 'last label', '--only', 'majority']
  const { status, stderr } = spawnSync(process.execPath, [program, ...words, ...only], {
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  const { runs } = JSON.parse(readFileSync(join(folder, 'continual-text-drift.json'), 'utf8')) as {
    runs: { name: string; figures: { prequential: number } }[]
  }
  expect(runs.map(({ name }) => name)).toEqual(['last label · seed 101', 'majority · seed 101'])
  // Half of the sentences are positive, and their order is drawn.
  for (const { figures } of runs) {
    expect(figures.prequential).toBeGreaterThan(42)
    expect(figures.prequential).toBeLessThan(58)
  }
})
