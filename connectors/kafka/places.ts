/**
 * The reader's position in every partition, and where it begins in a new one. The checkpoint's positions decide. The
 * group's committed offsets matter only with `from: end`: a partition that was reached before and has no position yet
 * continues from there, so that a restart skips nothing.
 */
import { CodedError } from '../../src/contracts/core.ts'
import type { OnReset, Positions, LocatedRange } from '../../src/contracts/source.ts'
import type { Resets } from '../resets.ts'
import { nameOf, type Ends, type EndsByPartition, type EndsOfTopics } from './ends.ts'
import { Partition, placeOf, placeText } from './partition.ts'

interface PlacesOptions {
  readonly ends: EndsOfTopics
  readonly from: 'beginning' | 'end'
  readonly onLost: 'stop' | 'skip'
  readonly onReset: OnReset
  readonly resets: Resets
}

export class Places {
  readonly #options: PlacesOptions
  readonly #partitions = new Map<string, Partition>()
  /** The ends were read once: a partition that appears later is new, and is read from its start. */
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
      const partition = Number(name.slice(slash + 1))
      const { offset, id } = placeOf(position, name)
      if (slash < 1 || !Number.isSafeInteger(partition))
        throw new CodedError('SOURCE_MISSING', `Kafka: no position ${name} = ${position}`)
      this.at(name.slice(0, slash), partition).begin(offset, id)
    }
  }

  /**
   * Asks where the partitions begin and end, and gives each a place. Returns the partitions that now read elsewhere.
   * Throws `SOURCE_MISSING` if a place is lost.
   */
  async look(): Promise<readonly Partition[]> {
    const before = new Map([...this.all].map(({ name, expected }) => [name, expected]))
    const ends = await this.#options.ends.ask()
    const committed = await this.#committed(ends, before)
    const moved: Partition[] = []
    for (const [name, found] of ends) {
      const place = this.#named(name)
      const next = before.get(name)
      if (next !== undefined && this.#keep(place, next, found)) moved.push(place)
      else if (place.expected === undefined)
        place.beginHere(committed.get(name) ?? this.#start(found.low, found.high), found.id)
      place.learnEnds(found)
    }
    this.#dropGone(ends)
    this.#isPlaced = true
    return moved
  }

  /**
   * Whether the topics are still those that the places refer to: then everything fetched before this check belongs to
   * them.
   */
  async areSame(): Promise<boolean> {
    const ids = await this.#options.ends.ids()
    return [...this.all].every(({ id, topic }) => {
      const now = ids.get(topic)
      return id === undefined || now === undefined || id === now
    })
  }

  /**
   * A topic that was created again may have fewer partitions. The others would refer to the old topic for good, and
   * nothing that arrives would be taken for ours.
   */
  #dropGone(ends: EndsByPartition): void {
    const ids = new Map([...ends].map(([name, { id }]) => [this.#named(name).topic, id]))
    for (const { name, topic, id, expected = 0, missing = 0 } of this.all) {
      const present = ids.get(topic)
      if (ends.has(name) || id === undefined || present === undefined || id === present) continue
      this.#partitions.delete(name)
      if (missing === 0) continue
      this.#options.resets.add({
        ...{
          partition: name,
          reason: `Kafka: ${name} was deleted, and ${topic} created again without it`,
        },
        ...{ from: placeText({ offset: expected, id }), to: placeText({ offset: 0, id: present }) },
        missing,
      })
    }
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

  /** Whether the partition had to move, because its present content does not continue from its place. */
  #keep(place: Partition, next: number, ends: Ends): boolean {
    const { onReset, onLost } = this.#options
    const { low, high, id } = ends
    const elsewhere = onReset === 'end' ? high : low
    if (place.id !== undefined && id !== undefined && place.id !== id) {
      const why = 'was deleted and created again'
      return this.#reset(place, why, { ...ends, to: elsewhere, stops: onReset === 'stop' })
    }
    // Messages fetched meanwhile cannot have been lost.
    if (place.expected !== next) return false
    if (next > high) {
      const why = `ends at ${high} but was read up to ${next}`
      // If it is the same topic, everything left was read; without ids it may be another topic.
      const isSame = id !== undefined && place.id === id
      const to = isSame ? high : elsewhere
      return this.#reset(place, why, { ...ends, to, stops: onReset === 'stop' })
    }
    if (next >= low) return false
    const why = `begins at ${low} but was read up to ${next}`
    const lost = { ...ends, to: low, stops: onLost === 'stop', missing: low - next }
    return this.#reset(place, why, lost)
  }

  #reset(place: Partition, why: string, move: Move): true {
    const { to, id, low, high, stops, missing = place.missing } = move
    const { name, expected = 0 } = place
    const reason = `Kafka: ${name} ${why}`
    if (stops) {
      const details = { partition: name, next: expected, low, high }
      throw new CodedError('SOURCE_MISSING', reason, { details })
    }
    const from = placeText({ offset: expected, id: place.id })
    place.moveTo(to, id)
    this.#options.resets.add({
      ...{ partition: name, reason, from, to: placeText({ offset: to, id }) },
      ...(missing !== undefined && { missing }),
    })
    return true
  }
}

interface Move extends Ends {
  readonly to: number
  readonly stops: boolean
  readonly missing?: number
}

/**
 * Where partitions would continue from a place that a person gives, and what that skips.
 *
 * `to`: `start`, `end`, or an offset for a topic with one partition.
 */
export function locate(
  to: string,
  from: Positions,
  ends: EndsByPartition,
): readonly LocatedRange[] {
  return [...ends].map(([partition, found]) => {
    const before = from[partition]
    const offset = offsetOf(to, found, ends.size)
    const place = { partition, from: before ?? null, to: placeText({ offset, id: found.id }) }
    return { ...place, ...passedOver(before, offset, partition, found) }
  })
}

function offsetOf(to: string, { low, high }: Ends, partitions: number): number {
  if (to === 'start') return low
  if (to === 'end') return high
  const offset = Number(to)
  if (/^\d{1,16}$/.test(to) && partitions === 1 && offset >= low && offset <= high) return offset
  const options = partitions === 1 ? `, or an offset from ${low} to ${high}` : ''
  throw new CodedError('USAGE', `${to} is not a place in this topic: give start, end${options}`)
}

function passedOver(before: string | undefined, offset: number, partition: string, ends: Ends) {
  const { low, high, id } = ends
  const place = placeOf(before ?? '0', partition)
  const isOther =
    (place.id !== undefined && id !== undefined && place.id !== id) || place.offset > high
  const read = isOther ? low : place.offset
  return {
    skipped: Math.max(0, offset - Math.max(read, low)),
    again: Math.max(0, read - offset),
    gone: isOther ? null : Math.max(0, low - read),
  }
}
