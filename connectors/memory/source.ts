/**
 * A source over a list in memory, for tests and simulations: records can be added while it is read, and its next read
 * can be made to fail. Positions are indexes.
 */
import { CodedError } from '../../src/contracts/core.ts'
import type { Positions, Source, SourceRecord } from '../../src/contracts/source.ts'

export interface MemorySource extends Source {
  append(values: readonly (string | Uint8Array)[]): void
  /** Makes the next read throw a retriable `SOURCE_FAILED`. */
  failNextRead(): void
  /** The positions of the last commit. */
  readonly committed: Positions
}

export function memorySource(
  name: string,
  initial: readonly (string | Uint8Array)[] = [],
): MemorySource {
  const values = initial.map(bytesOf)
  let next = 0
  let fails = false
  let committed: Positions = {}
  return {
    name,
    get committed() {
      return committed
    },
    append: (added) => void values.push(...added.map(bytesOf)),
    failNextRead: () => {
      fails = true
    },
    open: async (from) => {
      next = Number(from['0'] ?? '0')
      return Promise.resolve()
    },
    read: async ({ records }, signal) => {
      signal.throwIfAborted()
      if (fails) {
        fails = false
        throw new CodedError('SOURCE_FAILED', `${name} was asked to fail`, { retriable: true })
      }
      const from = next
      const taken = values.slice(from, from + records)
      next += taken.length
      return Promise.resolve(taken.map((value, index) => recordAt(from + index, value)))
    },
    commit: async (positions) => {
      committed = positions
      return Promise.resolve()
    },
    lag: async () => Promise.resolve(values.length - next),
    close: async () => Promise.resolve(),
  }
}

function recordAt(index: number, value: Uint8Array): SourceRecord {
  return { partition: '0', position: String(index), next: String(index + 1), value: value.slice() }
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? new TextEncoder().encode(value) : value
}
