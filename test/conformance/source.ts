/**
 * What every source must do. `make` gives a source over exactly `values`, and a way to add more; a source that has
 * partitions may spread them, and is then checked partition by partition.
 */
import { describe, expect, it } from 'vitest'
import type { Positions, Source, SourceRecord } from '../../src/contracts/source.ts'
import { invariant } from '../../src/platform/errors.ts'

export interface MadeSource {
  /** A new reader over the same stream, as after a restart. */
  source(): Source
  append(values: readonly string[]): Promise<void> | void
  /** Puts other content in the place of the stream, under its name; absent where that cannot happen. */
  replace?(values: readonly string[]): Promise<void> | void
  close?(): Promise<void> | void
}

const never = new AbortController().signal
const limits = (records: number) => ({ records, waitMs: 2000 })

export function sourceConformance(
  name: string,
  make: (values: readonly string[]) => Promise<MadeSource> | MadeSource,
  /** A journal of ours: no other content comes into its place, and nobody moves its positions by hand. */
  { isOwnJournal = false } = {},
): void {
  describe(`source ${name}`, () => {
    it('gives every record once, in order, in any sizes of reads', async () => {
      await withSource(['a', 'b', 'c', 'd', 'e'], async (made) => {
        for (const size of [1, 2, 5, 100]) {
          const source = made.source()
          await source.open({}, never)
          expect(texts(await readAll(source, 5, size))).toEqual(['a', 'b', 'c', 'd', 'e'])
          await source.close()
        }
      })
    })

    it('never gives more than was asked for', async () => {
      await withSource(['a', 'b', 'c'], async (made) => {
        const source = made.source()
        await source.open({}, never)
        expect((await source.read(limits(2), never)).length).toBeLessThanOrEqual(2)
        await source.close()
      })
    })

    it('begins again at the position after any record', async () => {
      await withSource(['a', 'b', 'c', 'd'], async (made) => {
        const first = made.source()
        await first.open({}, never)
        const records = await readAll(first, 4, 2)
        await first.close()
        for (const [index, record] of records.entries()) {
          const again = made.source()
          await again.open(positionsAfter(records.slice(0, index + 1)), never)
          const rest = await readAll(again, records.length - index - 1, 3)
          expect(texts(rest)).toEqual(texts(records.slice(index + 1)))
          expect(rest.map(({ position }) => position)).not.toContain(record.position)
          await again.close()
        }
      })
    })

    it('gives the same records again for the same positions, byte for byte', async () => {
      await withSource(['{"x":1}', 'zwölf', ''.padEnd(300, 'x')], async (made) => {
        const reads: (readonly SourceRecord[])[] = []
        for (let time = 0; time < 2; time += 1) {
          const source = made.source()
          await source.open({}, never)
          reads.push(await readAll(source, 3, 2))
          await source.close()
        }
        expect(reads[1]).toEqual(reads[0])
      })
    })

    it('answers nothing when there is nothing, and what is added later', async () => {
      await withSource(['a'], async (made) => {
        const source = made.source()
        await source.open({}, never)
        await readAll(source, 1, 1)
        expect(await source.read({ records: 1, waitMs: 0 }, never)).toEqual([])
        await made.append(['b'])
        expect(texts(await readAll(source, 1, 1))).toEqual(['b'])
        await source.close()
      })
    })

    it('counts what is not read yet', async () => {
      await withSource(['a', 'b', 'c'], async (made) => {
        const source = made.source()
        await source.open({}, never)
        expect(await source.lag()).toBe(3)
        await readAll(source, 2, 1)
        expect(await source.lag()).toBe(1)
        await made.append(['d'])
        // A broker is not asked at every look.
        await expect.poll(() => source.lag()).toBe(2)
        await source.close()
      })
    })

    it('takes a commit as advice: what was not read comes all the same', async () => {
      await withSource(['a', 'b'], async (made) => {
        const source = made.source()
        await source.open({}, never)
        const [record] = await readAll(source, 1, 1)
        await source.commit(positionsAfter([record!]))
        expect(texts(await readAll(source, 1, 1))).toEqual(['b'])
        await source.close()
      })
    })

    it('does not go on waiting when it is told to stop, and has then consumed nothing', async () => {
      await withSource([], async (made) => {
        const source = made.source()
        await source.open({}, never)
        const stop = new AbortController()
        const waiting = source.read({ records: 1, waitMs: 60_000 }, stop.signal)
        setTimeout(() => stop.abort(new Error('stop')), 20)
        // A source that has nothing to wait for may have answered before.
        await waiting.catch((reason: unknown) => expect(reason).toHaveProperty('message', 'stop'))
        stop.abort(new Error('stop'))
        await expect(source.read({ records: 1, waitMs: 60_000 }, stop.signal)).rejects.toThrow()
        await made.append(['a', 'b'])
        await expect(source.read({ records: 2, waitMs: 0 }, stop.signal)).rejects.toThrow()
        expect(texts(await readAll(source, 2, 1))).toEqual(['a', 'b'])
        await source.close()
      })
    })

    if (!isOwnJournal)
      describe('with other content in its place', () => {
        const before = ['a1', 'a2', 'a3', 'a4']
        // Longer than what was read, so that the old position lies inside it.
        const after = ['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7']

        it('begins at the new start when that happened while it was closed', async () => {
          await withSource(before, async (made) => {
            invariant(
              made.replace !== undefined,
              'a source that is no journal of ours can be replaced',
            )
            const first = made.source()
            await first.open({}, never)
            const read = await readAll(first, 3, 3)
            await first.close()
            await made.replace(after)
            const again = made.source()
            await again.open(positionsAfter(read), never)
            const records = await readAll(again, after.length, 3)
            expect(texts(records)).toEqual(after)
            expect(again.stats?.()).toMatchObject({ resets: 1 })
            await again.close()
            await goesOnWithout(made, positionsAfter(records))
          })
        })

        it('begins at the new start when that happens while it is open', async () => {
          await withSource(before, async (made) => {
            invariant(
              made.replace !== undefined,
              'a source that is no journal of ours can be replaced',
            )
            const source = made.source()
            await source.open({}, never)
            await readAll(source, 4, 4)
            await made.replace(after)
            const records = await readAll(source, after.length, 100)
            expect(texts(records)).toEqual(after)
            expect(source.stats?.()).toMatchObject({ resets: 1 })
            expect(await source.lag()).toBe(0)
            await source.close()
            await goesOnWithout(made, positionsAfter(records))
          })
        })

        /** The new positions belong to the new content. */
        async function goesOnWithout(made: MadeSource, positions: Positions): Promise<void> {
          await made.append(['c1'])
          const last = made.source()
          await last.open(positions, never)
          expect(texts(await readAll(last, 1, 1))).toEqual(['c1'])
          expect(last.stats?.().resets).toBe(0)
          await last.close()
        }
      })

    if (!isOwnJournal)
      it('locates its start and its end, and counts what lies between', async () => {
        await withSource(['a', 'b', 'c', 'd'], async (made) => {
          const source = made.source()
          expect(source.locate).toBeDefined()
          await source.open({}, never)
          const read = positionsAfter(await readAll(source, 1, 1))
          await source.close()
          const start = await made.source().locate?.('start', read, never)
          expect(start).toMatchObject([
            { skipped: 0, again: 1, gone: 0, from: Object.values(read)[0] },
          ])
          const end = await made.source().locate?.('end', read, never)
          expect(end).toMatchObject([{ skipped: 3, again: 0, gone: 0 }])
          await expect(made.source().locate?.('nowhere', read, never)).rejects.toThrow('nowhere')
          await made.append(['e'])
          for (const [located, rest] of [
            [start, ['a', 'b', 'c', 'd', 'e']],
            [end, ['e']],
          ] as const) {
            const again = made.source()
            const at = (located ?? []).map(({ partition, to }) => [partition, to] as const)
            await again.open(Object.fromEntries(at), never)
            expect(texts(await readAll(again, rest.length, 9))).toEqual(rest)
            await again.close()
          }
        })
      })

    it('may be closed twice', async () => {
      await withSource(['a'], async (made) => {
        const source = made.source()
        await source.open({}, never)
        await source.close()
        await source.close()
      })
    })

    async function withSource(
      values: readonly string[],
      check: (made: MadeSource) => Promise<void>,
    ): Promise<void> {
      const made = await make(values)
      try {
        await check(made)
      } finally {
        await made.close?.()
      }
    }
  })
}

/** Reads until `count` records have come; fails when they do not. */
async function readAll(source: Source, count: number, size: number): Promise<SourceRecord[]> {
  const records: SourceRecord[] = []
  for (let tries = 0; records.length < count && tries < 20 + count; tries += 1) {
    records.push(...(await source.read(limits(Math.min(size, count - records.length)), never)))
    // The loop asks for it now and then; a source may find out there that its content is another.
    await source.lag()
  }
  expect(records.length).toBe(count)
  return records
}

function positionsAfter(records: readonly SourceRecord[]): Positions {
  return Object.fromEntries(records.map(({ partition, next }) => [partition, next]))
}

function texts(records: readonly SourceRecord[]): readonly string[] {
  return records.map(({ value }) => new TextDecoder().decode(value))
}
