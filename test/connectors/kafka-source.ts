/** How the tests of the Kafka source make one: small limits, a group of its own, and no waiting for fresh ends. */
import { kafkaSource, type KafkaSourceOptions } from '../../connectors/kafka/source.ts'
import type { Logger } from '../../src/contracts/core.ts'
import type { Positions, Source, SourceRecord } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { randomTopic } from '../services/kafka.ts'

export const never = new AbortController().signal

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
}

export function sourceOf(
  brokers: readonly string[],
  topic: string | readonly string[],
  more: Partial<KafkaSourceOptions> = {},
): Source {
  return kafkaSource({
    name: 'kafka',
    brokers,
    topics: typeof topic === 'string' ? [topic] : topic,
    group: `g-${randomTopic()}`,
    limits: {
      eventBytes: 64 * 1024,
      batchBytes: 16 * 1024 * 1024,
      bufferBytes: 8 * 1024 * 1024,
      bufferRecords: 5000,
    },
    retry: new RetryPolicy({ clock: systemClock, firstMs: 200, longestMs: 5_000 }),
    clock: systemClock,
    log: silent,
    lagMs: 0,
    ...more,
  })
}

/** Reads until `count` records have come, or for `patienceMs`: a busy machine deals a group's partitions slowly. */
export async function readSome(
  source: Source,
  count: number,
  patienceMs = 60_000,
): Promise<readonly SourceRecord[]> {
  const records: SourceRecord[] = []
  const untilMs = performance.now() + patienceMs
  while (records.length < count && performance.now() < untilMs)
    records.push(...(await source.read({ records: count - records.length, waitMs: 500 }, never)))
  return records
}

export function textOf({ value }: SourceRecord): string {
  return new TextDecoder().decode(value)
}

export function positionsAfter(records: readonly SourceRecord[]): Positions {
  return Object.fromEntries(records.map(({ partition, next }) => [partition, next]))
}
