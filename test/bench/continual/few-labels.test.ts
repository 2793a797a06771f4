/** The bench of few labels learns from so many sentences as it says, tests others, and chooses settings without these. */
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

interface Row {
  readonly key: string
  readonly label: string
}

interface Few {
  readonly taught: readonly Row[]
  readonly tested: readonly Row[]
}

const module = JSON.stringify(new URL('few-labels-rows.mjs', import.meta.url).href)

test('seeds draw other sentences from those that no test has, in development as well', () => {
  const code = `
    const { fewRows } = await import(${module})
    const few = [fewRows(500, 101), fewRows(500, 102), fewRows(500, 1, { isDevelopment: true })]
    console.log(JSON.stringify(few))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(stdout, stderr).not.toBe('')
  const [one, other, chosen] = JSON.parse(stdout) as [Few, Few, Few]
  const keysOf = (rows: readonly Row[]) => rows.map(({ key }) => key)
  expect(new Set(keysOf(one.taught)).size).toBe(500)
  expect(keysOf(one.taught)).not.toEqual(keysOf(other.taught))
  expect(keysOf(one.tested)).toEqual(keysOf(other.tested))
  expect(one.tested).toHaveLength(600)
  expect(one.tested.filter(({ label }) => label === 'positive')).toHaveLength(300)
  const kept = new Set(keysOf(one.tested))
  const opened = [one.taught, other.taught, chosen.taught, chosen.tested].flatMap(keysOf)
  expect(opened.filter((key) => kept.has(key))).toEqual([])
})
