/**
 * Replaces the decoding of fetched messages in kafkajs, which decompresses without a limit, holds a whole response in
 * memory, and gives a codec no way to refuse: a batch that it cannot read kills the consumer again and again. kafkajs
 * has no hook for this, so its one function is replaced where it is loaded.
 *
 * Ends the messages of each partition with a marker record that says how far they reached: the last offsets of a batch
 * may have been compacted away, or belong to the broker, and would otherwise never count as read.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import {
  batchLength,
  decodeBatch,
  NO_TRANSACTION,
  type BatchLimits,
  type FetchedRecord,
} from './record-batch.ts'

/** The limits of the consumer in this context, used when a response is decoded. */
const limitsOf = new AsyncLocalStorage<BatchLimits>()

/** Everything that a consumer does inside `work` is decoded under these limits. */
export function withLimits<Result>(limits: BatchLimits, work: () => Result): Result {
  return limitsOf.run(limits, work)
}

export function isEnd(record: FetchedRecord): boolean {
  return record.batchContext === END
}

/** kafkajs's reader over one response. */
interface ResponseReader {
  readInt32(): number
  canReadBytes(count: number): boolean
  readBytes(count: number): Buffer
}

/** A counter of this process that orders messages before and after a broker's answer. */
let fetches = 0

export function fetchesSoFar(): number {
  return fetches
}

const END = { ...NO_TRANSACTION }
const usual: BatchLimits = { batchBytes: 16 * 1024 * 1024 }
/** A response over its budget still gives each partition one batch, up to this many times the budget. */
const PATIENCE = 3
/** Bytes decompressed from a response so far. */
const costs = new WeakMap<ResponseReader, number>()

/** The messages of one partition. Messages left out are fetched again after them. */
export async function decodeMessages(reader: ResponseReader): Promise<readonly FetchedRecord[]> {
  fetches += 1
  const size = reader.readInt32()
  if (size <= 0 || !reader.canReadBytes(size)) return []
  const limits = limitsOf.getStore() ?? usual
  let rest = reader.readBytes(size)
  let cost = costs.get(reader) ?? 0
  let budget = limits.batchBytes * PATIENCE
  const records: FetchedRecord[] = []
  let last: Buffer | undefined
  for (let length = batchLength(rest); length !== undefined && cost < budget;) {
    const batch = rest.subarray(0, length)
    const decoded = decodeBatch(batch, limits)
    for (const record of decoded.records) records.push(record)
    last = batch
    cost += decoded.costBytes
    budget = limits.batchBytes
    rest = rest.subarray(length)
    length = batchLength(rest)
  }
  costs.set(reader, cost)
  if (last !== undefined) records.push(endOf(last))
  return records
}

function endOf(batch: Buffer): FetchedRecord {
  const isNew = batch.readInt8(16) === 2 && batch.length >= 61
  const at = Number(batch.readBigInt64BE(0)) + (isNew ? batch.readInt32BE(23) : 0)
  const nothing = { key: null, value: null, timeMs: 0, isControlRecord: false }
  return { ...nothing, offset: String(at), at, batchContext: END, fetch: fetches }
}

/** Replaces kafkajs's own decoder, even if it was loaded before. Idempotent. */
export function takeOverDecoding(): void {
  const require = createRequire(import.meta.url)
  const folder = 'kafkajs/src/protocol/requests/fetch'
  const path = require.resolve(`${folder}/v4/decodeMessages`)
  require(path)
  const module = require.cache[path]
  if (module === undefined) throw new Error(`invariant: kafkajs is not loaded from ${folder}`)
  if (module.exports === decodeMessages) return
  module.exports = decodeMessages
  for (let version = 4; version <= 11; version += 1) {
    const response = require.resolve(`${folder}/v${version}/response`)
    Reflect.deleteProperty(require.cache, response)
  }
}
