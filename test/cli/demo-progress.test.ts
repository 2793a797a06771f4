import { expect, onTestFinished, test, vi } from 'vitest'
import { showProgress } from '../../src/cli/demo/progress.ts'
import { systemClock } from '../../src/platform/clock.ts'

test('the bar of the demo names no time while nothing is learned', () => {
  let shown = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    shown += chunk.toString()
    return true
  })
  const { isTTY } = process.stderr
  process.stderr.isTTY = true
  onTestFinished(() => {
    process.stderr.isTTY = isTTY
    vi.restoreAllMocks()
  })
  const progress = showProgress(systemClock)
  progress.update(0, 100)
  progress.update(0, 100)
  progress.end()
  expect(shown).toContain('0/100  -/s  - left')
  expect(shown).not.toContain('Infinity')
})
