/** What one example may do to the others of its step. */
import { expect, test } from 'vitest'
import type { TrunkEngine } from '../../src/contracts/base.ts'
import { lessons } from '../trainer/events.ts'
import { tinyTrunk } from '../trainer/tiny.ts'
import { openWorld, runToEnd } from '../trainer/world.ts'

test('one embedding that is not finite is refused alone, by its code, and the rest of its step is learned', async () => {
  const world = openWorld({ s: lessons(9) })
  let computed = 0
  const trunk: TrunkEngine = {
    ...tinyTrunk,
    async encode(rows) {
      const latents = await tinyTrunk.encode(rows)
      return latents.map((latent) => {
        computed += 1
        return computed === 3 ? { ...latent, data: latent.data.map(() => NaN) } : latent
      })
    },
  }
  const status = await runToEnd(world, { every: 4, trunk })
  expect([...world.letters.values()]).toMatchObject([{ code: 'EMBEDDING_NOT_FINITE' }])
  expect(status.counts.learned).toBe(8)
  expect(status).toMatchObject({ droppedSteps: 0 })
})
