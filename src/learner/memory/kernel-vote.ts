/**
 * Three experts of a mixture: stored examples vote for their labels, and near ones count more than far ones; by two of them, new
 * ones more than old ones (nn/mixture.ts).
 *
 *   a = softmax(−s·|x − xᵢ|²)      s = sharpness / d
 *
 * d is the usual squared distance from a new example to the nearest stored one, so that s fits any input.
 */
import type { Tensors } from '../../contracts/core.ts'
import type { Head } from '../../contracts/example.ts'
import type { MemoryItem } from '../../contracts/policy.ts'
import type { Classes } from '../../contracts/task.ts'
import { kernels, mostVoting, type MixtureState } from '../../nn/mixture.ts'
import type { ComparedEngine } from './engines.ts'

interface KernelVoteParts {
  readonly engine: ComparedEngine
  readonly classes: Classes
  readonly sharpness: number
}

/** The part of its state that changes with each example. */
export interface VoteDistance {
  /** d */
  readonly distance: number
  /** How many answers d is the mean of. */
  readonly answers: number
}

/** Each new distance moves d by at least this fraction. */
const FOLLOWING = 0.02
/** Smallest d, as a fraction of the usual |x|²: two equal examples must not make the kernel infinitely sharp. */
const CLOSEST = 0.002
/** Votes this much farther than the nearest add up to less than the last digit of its own: exp(−48)·16,384 < 2⁻⁵³. */
const SILENT = 48

export class KernelVote {
  readonly #parts: KernelVoteParts
  #distance = 0
  #answers = 0
  /** Room for the distances of one answer. */
  #distances = new Float64Array()
  /** What the base had counted when the examples were placed. */
  #statistics: Tensors = new Map()
  #places = new WeakMap<MemoryItem, Float32Array>()
  #voters: { readonly head: Head; readonly outputs: number; readonly voters: Voters } | undefined

  constructor(parts: KernelVoteParts) {
    this.#parts = parts
  }

  get statistics(): Tensors {
    return this.#statistics
  }

  /** s */
  get sharpness(): number {
    const { sharpness, engine } = this.#parts
    return sharpness / Math.max(this.#distance, CLOSEST * engine.squareLength)
  }

  /** Every example is placed again, by these statistics of the base. */
  place(statistics: Tensors): void {
    this.#statistics = new Map(statistics)
    this.#places = new WeakMap()
    this.#voters = undefined
  }

  /** Where these vectors lie, by the present statistics. */
  placed(vectors: readonly Float32Array[]): readonly Float32Array[] {
    return this.#parts.engine.place(vectors, this.#statistics)
  }

  /**
   * The probability of each output at the place x, by all votes and by votes that fade, and |x − nearest|²; undefined if no
   * example votes.
   */
  votes(x: Float32Array, items: readonly MemoryItem[], head: Head, outputs: number) {
    const voters = this.#votersOf(items, head, outputs)
    const count = Math.min(voters.size, mostVoting(outputs))
    if (this.#distances.length < count) this.#distances = new Float64Array(2 * count)
    const nearest = voters.distances(x, count, this.#distances)
    const by = ({ events, breadth }: Kernel) =>
      sharesOf(
        voters,
        { distances: this.#distances, count, outputs },
        { events, sharpness: breadth * this.sharpness },
      )
    return {
      all: by(kernels.knn),
      recent: by(kernels.recent),
      latest: by(kernels.latest),
      nearest: count > 0 ? nearest : undefined,
    }
  }

  /** d follows the distance to the nearest example. */
  observe(nearest: number): void {
    this.#answers += 1
    const rate = Math.max(FOLLOWING, 1 / this.#answers)
    this.#distance += rate * (nearest - this.#distance)
  }

  /** The newest examples that can vote, oldest first, as a version keeps them. */
  kept(items: readonly MemoryItem[], head: Head, outputs: number): MixtureState['kept'] {
    const columns = new Map<MemoryItem['vote'], number | undefined>()
    const voting = items.flatMap((item): (readonly [MemoryItem, number])[] => {
      const { vote } = item
      if (!columns.has(vote)) columns.set(vote, this.#columnOf(vote, head, outputs))
      const column = columns.get(vote)
      return column === undefined ? [] : [[item, column]]
    })
    const newest = voting.slice(-mostVoting(outputs))
    return newest.map(([item, column]) => ({ x: this.#placeOf(item), column }))
  }

  snapshot(): VoteDistance {
    return { distance: this.#distance, answers: this.#answers }
  }

  restore({ distance, answers }: VoteDistance): void {
    this.#distance = distance
    this.#answers = answers
  }

  /** Built again when the head or the places of the examples have changed. */
  #votersOf(items: readonly MemoryItem[], head: Head, outputs: number): Voters {
    if (this.#voters?.head !== head || this.#voters.outputs !== outputs) {
      const voters = new Voters({
        width: this.#parts.engine.width,
        columnOf: (vote) => this.#columnOf(vote, head, outputs),
        placeOf: (item) => this.#placeOf(item),
      })
      this.#voters = { head, outputs, voters }
    }
    const { voters } = this.#voters
    voters.hold(items)
    return voters
  }

  #columnOf(vote: MemoryItem['vote'], head: Head, outputs: number): number | undefined {
    const column = this.#parts.classes.voted(vote, head)
    return column === undefined || column >= outputs ? undefined : column
  }

  #placeOf(item: MemoryItem): Float32Array {
    const known = this.#places.get(item)
    if (known !== undefined) return known
    const [place = item.vector] = this.placed([item.vector])
    this.#places.set(item, place)
    return place
  }
}

type Kernel = (typeof kernels)[keyof typeof kernels]

interface VoteScores {
  /** Of the newest `count` voters, oldest first. */
  readonly distances: Float64Array
  readonly count: number
  readonly outputs: number
}

/** softmax(−s·|x − xᵢ|² − ageᵢ/t), summed by output. */
function sharesOf(
  voters: Voters,
  { distances, count, outputs }: VoteScores,
  { events, sharpness }: { readonly events: number; readonly sharpness: number },
): number[] {
  const shares = new Array<number>(outputs).fill(0)
  const farness = (at: number) => sharpness * (distances[at] ?? 0) + (count - 1 - at) / events
  let least = Infinity
  for (let at = 0; at < count; at += 1) least = Math.min(least, farness(at))
  let total = 0
  for (let at = 0; at < count; at += 1) {
    const farther = farness(at) - least
    if (farther > SILENT) continue
    const column = voters.column(voters.size - count + at)
    const vote = Math.exp(-farther)
    shares[column] = (shares[column] ?? 0) + vote
    total += vote
  }
  if (total > 0) for (const column of shares.keys()) shares[column] = (shares[column] ?? 0) / total
  return shares
}

interface VotersParts {
  readonly width: number
  /** The column that a vote is for; undefined: it does not count. */
  readonly columnOf: (vote: MemoryItem['vote']) => number | undefined
  readonly placeOf: (item: MemoryItem) => Float32Array
}

/** The block is moved to its beginning once the room before it is as long. */
const LEAST_ROOM = 64

/**
 * The stored examples that vote, side by side in one block of numbers. Each example of the stream adds one at the end and takes
 * one away at the beginning, so the block follows the list instead of being made of it again.
 */
export class Voters {
  readonly #parts: VotersParts
  #items: readonly MemoryItem[] = []
  readonly #columns = new Map<MemoryItem['vote'], number>()
  /** The voting examples are [from, to) of both. */
  #from = 0
  #to = 0
  #places = new Float32Array()
  #votes = new Int32Array()

  constructor(parts: VotersParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#to - this.#from
  }

  /** Oldest first. */
  column(at: number): number {
    return this.#votes[this.#from + at] ?? 0
  }

  /** Follows the list. */
  hold(items: readonly MemoryItem[]): void {
    const gone = this.#goneBefore(items)
    if (gone === undefined) {
      ;[this.#from, this.#to] = [0, 0]
      for (const item of items) this.#add(item)
    } else {
      for (let at = 0; at < gone; at += 1) if (this.#columnOf(this.#items[at]) >= 0) this.#from += 1
      for (let at = this.#items.length - gone; at < items.length; at += 1) this.#add(items[at])
    }
    this.#items = items
  }

  /** |x − xᵢ|² of the newest `count` voters, at the beginning of `into`; the smallest of them. */
  distances(x: Float32Array, count: number, into: Float64Array): number {
    const { width } = this.#parts
    const places = this.#places
    let least = Infinity
    let place = (this.#to - count) * width
    for (let at = 0; at < count; at += 1) {
      let sum = 0
      for (let column = 0; column < width; column += 1, place += 1) {
        const difference = (x[column] ?? 0) - (places[place] ?? 0)
        sum += difference * difference
      }
      into[at] = sum
      if (sum < least) least = sum
    }
    return least
  }

  /** How many of the present items are no longer there; undefined if anything else has changed. */
  #goneBefore(items: readonly MemoryItem[]): number | undefined {
    const [first] = items
    if (first === undefined) return undefined
    const gone = this.#items.indexOf(first)
    if (gone < 0) return undefined
    const last = this.#items.length - gone - 1
    return this.#items.at(-1) === items[last] ? gone : undefined
  }

  #add(item: MemoryItem | undefined): void {
    const column = this.#columnOf(item)
    if (item === undefined || column < 0) return
    const { width } = this.#parts
    if (this.#to >= this.#votes.length) this.#makeRoom()
    this.#places.set(this.#parts.placeOf(item), this.#to * width)
    this.#votes[this.#to] = column
    this.#to += 1
  }

  #makeRoom(): void {
    const { width } = this.#parts
    const { size } = this
    const room = Math.max(LEAST_ROOM, 2 * size)
    const [places, votes] = [new Float32Array(room * width), new Int32Array(room)]
    places.set(this.#places.subarray(this.#from * width, this.#to * width))
    votes.set(this.#votes.subarray(this.#from, this.#to))
    ;[this.#places, this.#votes, this.#from, this.#to] = [places, votes, 0, size]
  }

  /** −1: it has none. */
  #columnOf(item: MemoryItem | undefined): number {
    if (item === undefined) return -1
    const known = this.#columns.get(item.vote)
    if (known !== undefined) return known
    const column = this.#parts.columnOf(item.vote) ?? -1
    this.#columns.set(item.vote, column)
    return column
  }
}
