/** An engine of two labels, no and yes, that reads the first letter. */
import type { EncodedRow } from '../../src/contracts/network.ts'
import { openFakeEngine, type FakeEngine } from './fake-engine.ts'

/** v1 answers yes to everything, and a later version to texts that begin with "y". */
export function readingEngine(): FakeEngine {
  const engine = openFakeEngine()
  const yes = (encoded: EncodedRow, version: number) =>
    version === 1 || encoded.data[0] === 'y'.codePointAt(0)
  return {
    ...engine,
    async run(rows: Parameters<typeof engine.run>[0]) {
      const outputs = await engine.run(rows)
      return outputs.map(([version = 0], at) => {
        const isYes = yes(rows[at]!.encoded, version)
        return Float32Array.of(isYes ? 0 : 1, isYes ? 1 : 0)
      })
    },
  }
}
