import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { sinks, sources as configurable } from '../../src/plugins.ts'

/** `memory` is for programs that embed the daemon, and for tests. */
const sources = { ...configurable, memory: null }
const writers = { ...sinks.dead_letters, ...sinks.predictions }
const folder = new URL('../../connectors/', import.meta.url)
const [beforeSettings = ''] = readFileSync(new URL('README.md', folder), 'utf8').split(
  '\n## Settings\n',
)
const rows = beforeSettings.matchAll(/^\| `(\w+)`\s*\|(.*)\|$/gm)
const catalogue = new Map([...rows].map(([, name, cells]) => [name!, cells!.split('|')]))

test('the catalogue lists every connector, and no other', () => {
  const names = new Set([...Object.keys(sources), ...Object.keys(writers)])
  expect([...catalogue.keys()].sort()).toEqual([...names].sort())
})

test.each(Object.keys(sources))('the catalogue says what the source %s reads', (name) => {
  expect(catalogue.get(name)?.[0]?.trim()).not.toBe('')
  expect(existsSync(fileURLToPath(new URL(`${name}/source.ts`, folder)))).toBe(true)
})

test.each(Object.keys(writers))('the catalogue says what the sink %s writes', (name) => {
  expect(catalogue.get(name)?.[1]?.trim()).not.toBe('')
  expect(existsSync(fileURLToPath(new URL(`${name}/sink.ts`, folder)))).toBe(true)
})
