/**
 * A serving engine whose logits say which adapter made them and for which row, so that a mixed-up answer shows.
 *
 * logits = [number of the version, first id of the row, 0 …]. Runs end at once, after `delayMs`, or when the test says so.
 */
import type { EncodedRow } from '../../src/contracts/network.ts'
import type { ServingEngine } from '../../src/serving/engine/engine.ts'
import type { Version } from '../../src/versions/contract.ts'
import { labelsOf } from '../tasks/labels-of.ts'

export interface FakeEngine extends ServingEngine {
  readonly loaded: ReadonlySet<string>
  /** Rows of each run so far. */
  readonly runs: readonly (readonly { adapter: string; encoded: EncodedRow }[])[]
  /** Rows that were run with an adapter that was not loaded at the start or the end of their run. */
  readonly faults: readonly string[]
  /** From now on runs wait for `finish`. */
  hold(): void
  /** Ends the oldest run that waits. */
  finish(error?: Error): void
  readonly inFlight: number
  failLoad(error: Error | undefined): void
  /** What a run with a row of this version comes to: an error, or outputs that are no numbers; undefined: its answer. */
  spoil(version: string, how: (() => Error) | 'not finite' | undefined): void
}

export function openFakeEngine(options: { readonly delayMs?: () => number } = {}): FakeEngine {
  const adapters = new Map<string, Version>()
  const runs: (readonly { adapter: string; encoded: EncodedRow }[])[] = []
  const faults: string[] = []
  const spoiled = new Map<string, (() => Error) | 'not finite' | undefined>()
  const waiting: ((error?: Error) => void)[] = []
  let holding = false
  let loadError: Error | undefined
  let inFlight = 0

  function check(rows: readonly { readonly adapter: string }[]): void {
    for (const { adapter } of rows) if (!adapters.has(adapter)) faults.push(adapter)
  }

  async function pause(): Promise<void> {
    if (holding)
      return new Promise((resolve, reject) => {
        waiting.push((error) => (error === undefined ? resolve() : reject(error)))
      })
    const delayMs = options.delayMs?.() ?? 0
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
    else await new Promise((resolve) => setImmediate(resolve))
  }

  return {
    get loaded() {
      return new Set(adapters.keys())
    },
    runs,
    faults,
    get inFlight() {
      return inFlight
    },
    hold: () => {
      holding = true
    },
    finish: (error) => waiting.shift()?.(error),
    spoil: (version, how) => void spoiled.set(version, how),
    failLoad: (error) => {
      loadError = error
    },
    async load(key, version) {
      await new Promise((resolve) => setImmediate(resolve))
      if (loadError !== undefined) throw loadError
      adapters.set(key, version)
    },
    unload: (key) => void adapters.delete(key),
    async run(rows) {
      check(rows)
      runs.push(rows)
      const versions = rows.map(({ adapter }) => adapters.get(adapter))
      inFlight += 1
      await pause().finally(() => {
        inFlight -= 1
      })
      check(rows)
      const faults = versions.map((version) => spoiled.get(version?.manifest.version ?? ''))
      for (const fault of faults) if (typeof fault === 'function') throw fault()
      return rows.map(({ encoded }, at) => {
        const logits = logitsOf(versions[at], encoded)
        return faults[at] === 'not finite' ? logits.fill(Number.NaN) : logits
      })
    },
    close: async () => {},
  }
}

/** What the engine answers: the test recomputes it from the version that an answer names. */
export function logitsOf(version: Version | undefined, encoded: EncodedRow): Float32Array {
  const first = encoded.data[0]
  const labels = (version && labelsOf(version.manifest).length) ?? 0
  const numbers = [Number(version?.manifest.version.slice(1)), first ?? -1, 0, 0]
  return Float32Array.from(numbers.slice(0, Math.max(2, labels)))
}

export function tokens(...ids: readonly number[]): EncodedRow {
  return { data: Int32Array.from(ids) }
}
