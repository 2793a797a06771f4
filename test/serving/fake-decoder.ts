/** A decode engine that writes what a test can foresee, one step at a time where the test says so. */
import type { DecodedStep, SequenceRow } from '../../src/serving/engine/decoding-engine.ts'
import { settled } from './fake-clock.ts'

/** The token after the last one that a row has, in a ring of a hundred. */
const countUp: Next = ({ ids }) => ((ids.at(-1) ?? 0) + 1) % 100

type Next = (row: SequenceRow) => number

/** Counts up from the last token, so that a text is known from its prompt. Adapters of one letter share a lane. */
export function openFakeDecoder(next: Next = countUp) {
  const steps: (readonly SequenceRow[])[] = []
  const forgotten: number[] = []
  let waiting: (() => void)[] = []
  let isHeld = false
  let fault: Error | undefined
  let kept = 0
  const likeliestOf = (row: SequenceRow, count = 0) =>
    Array.from({ length: count }, (_, at) => ({
      ...{ token: next(row) + at, logProbability: -1 - at },
    }))
  const answer = (rows: readonly SequenceRow[]): DecodedStep => ({
    drawn: rows.map((row) => ({
      token: row.sampling === undefined ? -1 : next(row),
      logProbability: row.adapter === 'broken' ? NaN : -1,
      ...(row.sampling?.likeliest !== undefined && {
        likeliest: likeliestOf(row, row.sampling.likeliest),
      }),
    })),
    scored: rows.flatMap((row) =>
      Array.from(row.next?.ids ?? [], (token) => ({
        ...{ token, logProbability: -2, likeliest: likeliestOf(row, row.next?.likeliest) },
      })),
    ),
    cacheBytes: rows.length,
  })
  return {
    steps,
    forgotten,
    hold: () => (isHeld = true),
    fail: (error: Error | undefined) => (fault = error),
    async finish(count = 1) {
      for (let step = 0; step < count; step += 1) {
        const [first, ...rest] = waiting
        waiting = rest
        first?.()
        await settled()
      }
    },
    laneOf: (adapter: string) => adapter.slice(0, 1),
    positionBytes: () => 1024,
    /** From now on each prompt finds so many of its first tokens kept. */
    keep: (count: number) => (kept = count),
    async reuse(_sequence: number, _adapter: string, ids: Int32Array) {
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
      if (fault !== undefined) throw fault
      return Math.min(kept, ids.length)
    },
    async step(rows: readonly SequenceRow[]) {
      steps.push(rows.map((row) => ({ ...row, ids: row.ids.slice() })))
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
      if (fault !== undefined) throw fault
      return answer(rows)
    },
    readTokens: async () => Promise.resolve(),
    forget: (sequences: readonly number[]) => forgotten.push(...sequences),
  }
}
