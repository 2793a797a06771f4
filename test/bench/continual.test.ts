/** The tables of policies/README.md say what was measured, and a measurement that was interrupted goes on. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scratchFolder } from '../scratch-folder.ts'

interface Run {
  readonly name: string
  readonly settings: object
  readonly figures: { readonly value: number }
}

const results = new URL('continual-results.mjs', import.meta.url).href

function program(name: string, ...args: readonly string[]) {
  const path = fileURLToPath(new URL(name, import.meta.url))
  return spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' })
}

test('the README has the tables of the results that are committed', () => {
  const { status, stderr } = program('render.mjs', '--check')
  expect(stderr).toBe('')
  expect(status).toBe(0)
})

test('a table that is not there is a usage mistake', () => {
  const { status, stderr } = program('continual.mjs', 'mnits')
  expect(status).toBe(64)
  expect(stderr).toContain('mnist')
})

test('a run is made once for its name and settings, and kept at once', () => {
  const path = join(scratchFolder(), 'continual-x.json')
  const made = (name: string, lr: number, only?: string) => {
    const code = `
      const { openResults } = await import(${JSON.stringify(results)})
      const file = openResults(${JSON.stringify(path)}, { machine: {}, fresh: false })
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
