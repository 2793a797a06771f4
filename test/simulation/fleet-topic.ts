/**
 * A topic of some partitions as a trainer's source sees it: in order within a partition and in any order over them, cut
 * into reads anywhere, with partitions that are taken away for a while when the group's members change.
 */
import type { Random } from '../../src/contracts/core.ts'
import type { Source, SourceRecord } from '../../src/contracts/source.ts'
import type { SimulatedTime } from './fleet-clock.ts'
import type { Daemon } from './fleet-daemon.ts'

export interface Message {
  readonly value: string
  /** It does not exist before. */
  readonly atMs: number
}

export type Topic = readonly (readonly Message[])[]

export const topicName = 'topic'

export function recordAt(topic: Topic, partition: number, position: number): SourceRecord {
  return {
    partition: String(partition),
    position: String(position),
    next: String(position + 1),
    value: new TextEncoder().encode(topic[partition]?.[position]?.value),
    timeMs: topic[partition]?.[position]?.atMs ?? 0,
  }
}

export interface TopicSourceParts {
  readonly topic: Topic
  readonly time: SimulatedTime
  readonly daemon: Daemon
  readonly random: Random
  readonly rebalances: () => boolean
  readonly onRead: (record: SourceRecord) => void
}

export function topicSource(parts: TopicSourceParts): Source {
  const { topic, time, daemon, random, rebalances, onRead } = parts
  const next = topic.map(() => 0)
  const backAtMs = topic.map(() => 0)
  const isThere = (partition: number) =>
    time.nowMs >= backAtMs[partition]! &&
    (topic[partition]![next[partition]!]?.atMs ?? Infinity) <= time.nowMs
  const take = (count: number): SourceRecord[] => {
    const taken: SourceRecord[] = []
    while (taken.length < count) {
      const there = topic.map((_, partition) => partition).filter(isThere)
      const partition = there[there.length > 0 ? random.below(there.length) : 0]
      if (partition === undefined) break
      taken.push(recordAt(topic, partition, next[partition]!))
      next[partition]! += 1
    }
    return taken
  }
  return {
    name: topicName,
    open: (from) =>
      daemon.does('opening the source', () => {
        for (const partition of next.keys()) next[partition] = Number(from[partition] ?? '0')
      }),
    async read({ records, waitMs }, signal) {
      if (rebalances()) backAtMs[random.below(topic.length)] = time.nowMs + random.below(4_000)
      const before = [...next]
      const wanted = Math.min(records, 1 + random.below(6))
      // A read that fails has consumed nothing.
      const read = () => {
        next.splice(0, next.length, ...before)
        return take(wanted)
      }
      const isEmpty = topic.every((_, partition) => !isThere(partition))
      if (isEmpty && waitMs > 0) await daemon.clock.sleep(waitMs, signal)
      try {
        const records = await daemon.does('reading', read)
        records.forEach(onRead)
        return records
      } catch (error) {
        next.splice(0, next.length, ...before)
        throw error
      }
    },
    commit: () => daemon.does('committing', () => undefined),
    lag: () =>
      daemon.does('measuring', () =>
        topic.reduce((sum, messages, partition) => sum + messages.length - next[partition]!, 0),
      ),
    close: () => daemon.does('closing the source', () => undefined, { mayFail: false }),
  }
}
