/**
 * One expert of a mixture: stored examples vote for their labels, and near ones count more than far ones.
 *
 *   a = softmax(−s·|x − xᵢ|²)      s = sharpness / d
 *
 * d is the usual squared distance from a new example to the nearest stored one, so that s fits any input.
 */
import type { Tensors } from '../../contracts/core.ts'
import type { Head } from '../../contracts/example.ts'
import type { MemoryItem } from '../../contracts/policy.ts'
import type { Classes } from '../../contracts/task.ts'
import { mostVoting, type MixtureState } from '../../nn/mixture.ts'
import type { ComparedEngine } from './compared-engine.ts'
import { Voters } from './voters.ts'

export interface KernelVoteParts {
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

  /** The probability of each output at the place x, and |x − nearest|²; undefined if no example votes. */
  votes(x: Float32Array, items: readonly MemoryItem[], head: Head, outputs: number) {
    const voters = this.#votersOf(items, head, outputs)
    const count = Math.min(voters.size, mostVoting(outputs))
    if (this.#distances.length < count) this.#distances = new Float64Array(2 * count)
    const distances = this.#distances
    const nearest = voters.distances(x, count, distances)
    const { sharpness } = this
    const votes = new Array<number>(outputs).fill(0)
    let total = 0
    for (let at = 0; at < count; at += 1) {
      const farther = sharpness * ((distances[at] ?? 0) - nearest)
      if (farther > SILENT) continue
      const column = voters.column(voters.size - count + at)
      const vote = Math.exp(-farther)
      votes[column] = (votes[column] ?? 0) + vote
      total += vote
    }
    if (total > 0) for (const column of votes.keys()) votes[column] = (votes[column] ?? 0) / total
    return { votes, nearest: total > 0 ? nearest : undefined }
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
    const columnOf = ({ vote }: MemoryItem) => {
      if (!columns.has(vote)) columns.set(vote, this.#parts.classes.voted(vote, head))
      return columns.get(vote)
    }
    const voting = items.flatMap((item): (readonly [MemoryItem, number])[] => {
      const column = columnOf(item)
      return column === undefined || column >= outputs ? [] : [[item, column]]
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
      const { engine, classes } = this.#parts
      const columnOf = (vote: MemoryItem['vote']) => {
        const column = classes.voted(vote, head)
        return column === undefined || column >= outputs ? undefined : column
      }
      const placeOf = (item: MemoryItem) => this.#placeOf(item)
      const voters = new Voters({ width: engine.width, columnOf, placeOf })
      this.#voters = { head, outputs, voters }
    }
    const { voters } = this.#voters
    voters.hold(items)
    return voters
  }

  #placeOf(item: MemoryItem): Float32Array {
    const known = this.#places.get(item)
    if (known !== undefined) return known
    const [place = item.vector] = this.placed([item.vector])
    this.#places.set(item, place)
    return place
  }
}
