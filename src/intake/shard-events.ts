/**
 * Which shard of a model learns an event: the one of its prediction, or of its id where it names none. Each shard reads the
 * whole stream and passes over what belongs to others.
 *
 * Not the shard of its partition: a newer signal, a retraction or a repetition may come through any partition, or after the
 * topic got more of them, and has to meet the event it is about. Parsing costs little beside the network that encodes a text.
 */
import { hash } from 'node:crypto'
import { isRetraction, type FeedbackEvent } from '../contracts/event.ts'
import type { SourceRecord } from '../contracts/source.ts'

/** One of the trainers that share the events of a model. */
export interface Shard {
  /** The model that their sums are merged into. */
  readonly model: string
  readonly at: number
  readonly of: number
}

type Parse<Answer> = (record: SourceRecord, connector: string) => Answer

/** Answers undefined for an event of another shard, and throws for a record that is no event in one of them alone. */
export function shardParser(
  parse: Parse<FeedbackEvent>,
  { model, at, of }: Shard,
): Parse<FeedbackEvent | undefined> {
  const isOurs = (key: string) => shardOf(key, of) === at
  return (record, connector) => {
    try {
      const { model: named, ...event } = parse(record, connector)
      const own = named === undefined || named === model ? event : { ...event, model: named }
      const isHere = isOurs(event.predictionId ?? event.id)
      const { signal } = event
      // By its id or its source it may mean events of any shard.
      if (isRetraction(signal))
        return isHere ? own : { ...own, signal: { ...signal, passes: true } }
      return isHere ? own : undefined
    } catch (error) {
      const { partition, position } = record
      if (isOurs(`${connector} ${partition} ${position}`)) throw error
      return undefined
    }
  }
}

function shardOf(key: string, shards: number): number {
  return Number.parseInt(hash('sha256', key).slice(0, 8), 16) % shards
}
