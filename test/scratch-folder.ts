/** A folder of its own for a test, gone when the test has finished. */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-'))
  onTestFinished(async () => removed(folder))
  return folder
}

const attempts = 50

/** The trainer of a daemon that was killed ends a moment later, and may write until then: tried for five seconds. */
export async function removed(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rm(folder, { recursive: true, force: true })
      return
    } catch (error) {
      if (attempt === attempts || (error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
    }
    await sleep(100)
  }
}
