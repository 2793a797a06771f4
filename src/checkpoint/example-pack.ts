/** Examples in a row as one blob and its header, for columns of the checkpoint: a row for each would cost more than the rest of its intake. */
import { identityOf } from '../intake/events/event-key.ts'
import type { ExampleKey } from '../contracts/core.ts'
import type { Example, Target } from '../contracts/example.ts'
import { failure } from '../platform/errors.ts'
import { hasIds, headerOf, rowOf } from '../payloads/rows.ts'

export interface ExamplePack {
  /** JSON: of each example all but its numbers, and how many these are. */
  readonly header: string
  /** The numbers, one example after the other. */
  readonly data: Uint8Array
}

type Entry = readonly [
  key: ExampleKey,
  /** `headerOf`. */
  kind: string,
  length: number,
  target: Target,
  weight: number,
  predictionId: string | null,
  timeMs?: number | null,
  slice?: string,
]

const NUMBER_BYTES = 4

export function packExamples(examples: readonly Example[]): ExamplePack {
  const entries: Entry[] = []
  let length = 0
  for (const { key, encoded, target, weight, predictionId = null, timeMs, slice } of examples) {
    const { length: count } = encoded.data
    const entry = [key, headerOf(encoded), count, target, weight, predictionId] as const
    if (slice !== undefined) entries.push([...entry, timeMs ?? null, slice])
    else entries.push(timeMs === undefined ? entry : [...entry, timeMs])
    length += count
  }
  // Floats are laid in as they are, bit for bit.
  const ids = new Int32Array(length)
  const values = new Float32Array(ids.buffer)
  let at = 0
  for (const { encoded } of examples) {
    const of = hasIds(encoded) ? ids : values
    of.set(encoded.data, at)
    at += encoded.data.length
  }
  return { header: JSON.stringify(entries), data: new Uint8Array(ids.buffer) }
}

export function unpackExamples({ header, data }: ExamplePack): readonly Example[] {
  const entries = JSON.parse(header) as readonly Entry[]
  const length = entries.reduce((sum, [, , length]) => sum + length, 0)
  if (length * NUMBER_BYTES !== data.byteLength) {
    const belong = length * NUMBER_BYTES
    throw failure('STORE_CORRUPT', `${data.byteLength} bytes of examples where ${belong} belong`)
  }
  const { buffer } = data.slice()
  let from = 0
  return entries.map(([key, kind, length, target, weight, predictionId, timeMs = null, slice]) => {
    const encoded = rowOf(kind, buffer.slice(from, from + length * NUMBER_BYTES))
    from += length * NUMBER_BYTES
    return {
      ...{ key, ...identityOf(key), encoded, target, weight },
      ...(predictionId !== null && { predictionId }),
      ...(timeMs !== null && { timeMs }),
      ...(slice !== undefined && { slice }),
    }
  })
}

/** The facts in the header of each example, without its input. */
export function factsOfExamples(header: string) {
  const entries = JSON.parse(header) as readonly Entry[]
  return entries.map(([key, , , , weight, predictionId, timeMs = null, slice]) => ({
    ...{ key, weight },
    ...(predictionId !== null && { predictionId }),
    ...(timeMs !== null && { timeMs }),
    ...(slice !== undefined && { slice }),
  }))
}
