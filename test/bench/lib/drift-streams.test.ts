/** The streams of the drift table change where they say, and as they say. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { scratchFolder } from '../../scratch-folder.ts'

interface Stream {
  readonly rows: readonly { readonly features: readonly number[]; readonly label: string }[]
  readonly change: number
}

const module = new URL('drift-streams.mjs', import.meta.url).href

function streamOf(name: string, data = ''): Stream {
  const code = `
    const { driftStream } = await import(${JSON.stringify(module)})
    const options = ${JSON.stringify({ seed: 1, data })}
    console.log(JSON.stringify(driftStream(${JSON.stringify(name)}, options)))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  expect(stdout, stderr).not.toBe('')
  return JSON.parse(stdout) as Stream
}

/** How many of these are labelled as the old concept has it. */
function oldShare(rows: Stream['rows']): number {
  const old = rows.filter(
    ({ features: [a = 0, b = 0], label }) => b < Math.sin(a) === (label === 'yes'),
  )
  return old.length / rows.length
}

test('a concept is reversed at once, and one label in twenty is wrong before and after', () => {
  const { rows, change } = streamOf('sine1, at once')
  expect(change).toBe(rows.length / 2)
  expect(oldShare(rows.slice(0, change))).toBeCloseTo(0.95, 1)
  expect(oldShare(rows.slice(change))).toBeCloseTo(0.05, 1)
})

test('a gradual change is halfway there in the middle of it, and complete at its end', () => {
  const { rows, change } = streamOf('sine1, gradually')
  expect(oldShare(rows.slice(change - 500, change))).toBeCloseTo(0.95, 1)
  const middle = oldShare(rows.slice(change + 150, change + 350))
  expect(middle).toBeGreaterThan(0.35)
  expect(middle).toBeLessThan(0.65)
  expect(oldShare(rows.slice(change + 500))).toBeCloseTo(0.05, 1)
})

test('real rows keep their numbers, and each label means what the next one meant', () => {
  const data = scratchFolder()
  mkdirSync(join(data, 'streams'))
  const real = Array.from({ length: 60 }, (_, at) => ({ features: [at], label: 'abc'[at % 3]! }))
  const lines = real.map((row) => JSON.stringify(row)).join('\n')
  writeFileSync(join(data, 'streams', 'river_image_segments.jsonl.gz'), gzipSync(lines))
  const { rows, change } = streamOf('image_segments, at once', data)
  expect(rows.map(({ features }) => features[0]).sort((a, b) => a! - b!)).toEqual(
    real.map((_, at) => at),
  )
  for (const [at, { features, label }] of rows.entries()) {
    const before = real[features[0]!]!.label
    expect(label).toBe(at < change ? before : { a: 'b', b: 'c', c: 'a' }[before])
  }
})
