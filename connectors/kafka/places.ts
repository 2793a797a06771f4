/**
 * Where this reader stands in every partition, and where it begins in one that it meets for the first time. Positions are
 * the checkpoint's; what Kafka's group has committed counts for one thing only: with `from: end`, a partition that was
 * reached before and has no position yet goes on from there, so that a restart skips nothing.
 */
import { CodedError, type Logger, type Positions } from '../../src/contracts.ts'
import { nameOf, type Ends, type EndsByPartition, type EndsOfTopics } from './ends.ts'
import { Partition } from './partition.ts'

export interface PlacesOptions {
  readonly ends: EndsOfTopics
  readonly from: 'beginning' | 'end'
  readonly onLost: 'stop' | 'skip'
  readonly log: Logger
}

export class Places {
  readonly #options: PlacesOptions
  readonly #partitions = new Map<string, Partition>()
  /** The ends were asked once: a partition that appears later is new, and begins at its start. */
  #isPlaced = false

  constructor(options: PlacesOptions) {
    this.#options = options
  }

  get all(): Iterable<Partition> {
    return this.#partitions.values()
  }

  at(topic: string, partition: number): Partition {
    const name = nameOf(topic, partition)
    const known = this.#partitions.get(name) ?? new Partition(topic, partition)
    this.#partitions.set(name, known)
    return known
  }

  /** The positions of the checkpoint. */
  restore(from: Positions): void {
    this.#partitions.clear()
    this.#isPlaced = false
    for (const [name, position] of Object.entries(from)) {
      const slash = name.lastIndexOf('/')
      const offset = Number(position)
      const partition = Number(name.slice(slash + 1))
      if (slash < 1 || !Number.isSafeInteger(partition) || !Number.isSafeInteger(offset))
        throw new CodedError('SOURCE_MISSING', `Kafka: no position ${name} = ${position}`)
      this.at(name.slice(0, slash), partition).begin(offset)
    }
  }

  /** Asks where the partitions begin and end, and gives each a place. Throws `SOURCE_MISSING` for one that lost its own. */
  async look(): Promise<void> {
    const before = new Map([...this.all].map(({ name, expected }) => [name, expected]))
    const ends = await this.#options.ends.ask()
    const committed = await this.#committed(ends, before)
    for (const [name, { low, high }] of ends) {
      const place = this.#named(name)
      place.learnEnds({ low, high })
      const next = before.get(name)
      if (next !== undefined) this.#keep(place, next, { low, high })
      else if (place.expected === undefined)
        place.beginHere(committed.get(name) ?? this.#start(low, high))
    }
    this.#isPlaced = true
  }

  #named(name: string): Partition {
    const slash = name.lastIndexOf('/')
    return this.at(name.slice(0, slash), Number(name.slice(slash + 1)))
  }

  #start(low: number, high: number): number {
    return this.#options.from === 'end' && !this.#isPlaced ? high : low
  }

  async #committed(
    ends: EndsByPartition,
    before: ReadonlyMap<string, number | undefined>,
  ): Promise<ReadonlyMap<string, number>> {
    const { from, ends: topics } = this.#options
    const isOfUse = from === 'end' && !this.#isPlaced
    if (!isOfUse || [...ends.keys()].every((name) => before.get(name) !== undefined))
      return new Map()
    const committed = await topics.committed()
    const isThere = (name: string, offset: number) => {
      const { low, high } = ends.get(name) ?? { low: 0, high: -1 }
      return offset >= low && offset <= high
    }
    return new Map([...committed].filter(([name, offset]) => isThere(name, offset)))
  }

  #keep(place: Partition, next: number, ends: Ends): void {
    const loss = place.lossOf(next, ends)
    // What was fetched meanwhile cannot have been lost.
    if (loss === undefined || place.expected !== next) return
    if (this.#options.onLost === 'stop') throw loss
    // A topic that was made anew ends before the old position: all of it is news.
    this.#options.log.warn({ ...loss.details }, `${loss.message}: skipped to ${ends.low}`)
    place.begin(ends.low)
  }
}
