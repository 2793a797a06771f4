/** A folder of its own for a test, gone when the test has finished. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
