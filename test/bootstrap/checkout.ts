/** A made-up checkout with a cache of its own, so that tests of the set-up never touch the real ones. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { places, type Places } from '../../deploy/bootstrap/places.mjs'
import type { Progress } from '../../deploy/bootstrap/set-up.mjs'

/** The engine that the caller of the tests forces is not what these tests are about. */
const environment: NodeJS.ProcessEnv = { ...process.env, ANTIKYTHERA_NATIVE: '' }

export interface Checkout {
  readonly places: Places
  readonly progress: Progress
  /** Everything that was said, in order. */
  readonly said: string[]
  write(path: string, text: string): void
}

export function makeCheckout(env: NodeJS.ProcessEnv = {}): Checkout {
  const root = mkdtempSync(join(tmpdir(), 'antikythera-set-up-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const said: string[] = []
  const note = (text: string): void => {
    said.push(text)
  }
  return {
    places: places({ root, env: { ...environment, XDG_CACHE_HOME: join(root, 'cache'), ...env } }),
    progress: { say: note, begin: note, doing: () => undefined, end: note },
    said,
    write(path, text) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
  }
}

/** The real checkout that these tests run in. */
export const real = places({ env: environment })
