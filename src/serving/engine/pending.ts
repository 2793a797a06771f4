/**
 * A request with rows in several runs. It settles when all rows are answered, or, after a failure, when
 * the last of its rows has left the engine: the caller may then unload the adapter.
 */
import { invariant } from '../../platform/errors.ts'

export interface Pending {
  readonly settled: Promise<readonly Float32Array[]>
  /** A row of it goes into a run … */
  enter(): void
  /** … has its answer … */
  keep(index: number, logits: Float32Array | undefined): void
  /** … and leaves the run. */
  leave(): void
  /** The first reason counts. */
  fail(reason: unknown): void
}

export function openPending(rows: number): Pending {
  const answers = new Map<number, Float32Array>()
  let running = 0
  let failed: { readonly reason: unknown } | undefined
  let resolve: (answers: readonly Float32Array[]) => void
  let reject: (reason: unknown) => void
  const settled = new Promise<readonly Float32Array[]>((onAnswers, onReason) => {
    resolve = onAnswers
    reject = onReason
  })

  function settle(): void {
    if (running > 0) return
    if (failed !== undefined) reject(failed.reason)
    else if (answers.size === rows) resolve(inOrder(answers))
  }

  return {
    settled,
    enter: () => {
      running += 1
    },
    keep: (index, logits) => {
      invariant(logits !== undefined, 'a row without an answer')
      answers.set(index, logits)
    },
    leave: () => {
      running -= 1
      settle()
    },
    fail: (reason) => {
      failed ??= { reason }
      settle()
    },
  }
}

function inOrder(answers: ReadonlyMap<number, Float32Array>): readonly Float32Array[] {
  return [...answers].sort(([a], [b]) => a - b).map(([, logits]) => logits)
}
