/** What every sink of dead letters must do. `read` gives the keys that it holds, in the order in which they came. */
import { describe, expect, it } from 'vitest'
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'

export interface MadeSink {
  /** Opens it, also again over what it holds already. */
  open(): Promise<Sink>
  read(): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]>
}

export function letter(key: string, value: Uint8Array = new Uint8Array([0, 255, 10])): DeadLetter {
  return {
    key,
    code: 'EVENT_MALFORMED',
    reason: 'not JSON',
    connector: 'test',
    partition: '0',
    position: '7',
    value,
    timeMs: 1,
  }
}

export function sinkConformance(name: string, make: () => Promise<MadeSink> | MadeSink): void {
  describe(`sink ${name}`, () => {
    it('keeps what was written, byte for byte, over a restart', async () => {
      const made = await make()
      const sink = await made.open()
      const value = Uint8Array.from({ length: 256 }, (_, byte) => byte)
      await sink.write([letter('a', value), letter('b')])
      await sink.close()
      const again = await made.open()
      await again.write([letter('c')])
      await again.close()
      const kept = await made.read()
      expect(kept.map(({ key }) => key)).toEqual(['a', 'b', 'c'])
      expect(Buffer.from(kept[0]!.value)).toEqual(Buffer.from(value))
    })

    it('is not changed by writing a letter twice, also after a restart', async () => {
      const made = await make()
      const sink = await made.open()
      await sink.write([letter('a')])
      await sink.write([letter('a'), letter('b')])
      await sink.close()
      const again = await made.open()
      await again.write([letter('a'), letter('b')])
      await again.close()
      expect((await made.read()).map(({ key }) => key)).toEqual(['a', 'b'])
    })
  })
}
