/** A small slow poison through the product's trainer: what the guards of the guide do about it, in counts alone. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { scratchFolder } from '../../scratch-folder.ts'

interface Run {
  readonly guard: string
  readonly stream: string
  readonly firstReturn: number | null
  readonly returns: number
  readonly versions: number
  readonly heldShare: number
  readonly servedAtEnd: number
  readonly usual: number
}

const program = fileURLToPath(new URL('slow-poison.mjs', import.meta.url))

function runs(...words: readonly string[]): readonly Run[] {
  const sizes = ['--seeds', '1', '--clean', '1000', '--drift', '1500', '--after', '300']
  const place = ['--results', scratchFolder()]
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...sizes, ...place, ...words], {
    encoding: 'utf8',
  })
  expect(stdout, stderr).not.toBe('')
  return (JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as { runs: readonly Run[] }).runs
}

test('poison that no single update shows is undone by golden alone, and a clean stream is left as it is', () => {
  const [none, golden] = runs('--streams', 'poisoned', '--only', 'none,golden')
  expect(none!.servedAtEnd).toBeLessThan(none!.usual - 5)
  expect(golden!.returns).toBeGreaterThan(0)
  expect(golden!.firstReturn).toBeGreaterThan(1000)
  expect(golden!.servedAtEnd).toBeGreaterThan(none!.servedAtEnd + 3)
  const [clean] = runs('--streams', 'clean', '--only', 'golden')
  expect(clean!.versions).toBeGreaterThan(100)
  expect(clean!.heldShare).toBeLessThanOrEqual(5)
}, 240_000)
