/**
 * The experts of a mixture beside the adapter, and the weight of each (nn/mixture.ts). Weights follow every tested
 * example; the two linear heads learn with an update, like the adapter. In plain JavaScript: what it computes for one
 * example costs less than a call of an engine.
 */
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import { experts, type Memory, type MemoryItem, type MixturePolicy } from '../contracts/policy.ts'
import type { Head, Target } from '../contracts/example.ts'
import type { Classes } from '../contracts/task.ts'
import { mixtureTensors, mostVoting } from '../nn/mixture.ts'
import { LEAST } from '../nn/memory.ts'
import { softmax } from '../nn/softmax.ts'
import { Discriminant } from '../optim/discriminant.ts'
import { FastHead } from '../optim/fast-head.ts'
import type { ComparedEngine } from './compared-engine.ts'
import { Voters } from './voters.ts'

export interface MixtureParts {
  readonly policy: Memory & { readonly mixture: MixturePolicy }
  readonly engine: ComparedEngine
}

/** What a test finds, beside the logits of the mixture. */
export interface MixtureAnswer {
  readonly logits: Float32Array
  /** The probabilities of each expert, by column. */
  readonly shares: readonly (readonly number[])[]
  /** Squared distance to the nearest example; undefined without one. */
  readonly nearest: number | undefined
}

export interface MixtureRow {
  readonly latent: Latent
  readonly target: Target
  readonly weight: number
}

/** The part that every example changes; the rest is in the weights. */
export interface MixtureWeights {
  readonly [key: string]: readonly number[] | number
  readonly weights: readonly number[]
  readonly distance: number
  readonly answers: number
}

/** Of the names of its tensors beside those of the adapter. */
export const MIXTURE_TENSORS = 'mixture/'
const names = {
  fast: `${MIXTURE_TENSORS}fast`,
  closedForm: `${MIXTURE_TENSORS}closed_form/`,
  statistics: `${MIXTURE_TENSORS}statistics/`,
  learned: `${MIXTURE_TENSORS}learned`,
}

/** Of a probability, which no expert can be sure of: one wrong answer must not silence it. */
const DOUBT = 0.02
/** A part of the usual distance to the nearest example that the next one moves it by. */
const FOLLOWING = 0.02
/** Of |x|² at one deviation each: a closer neighbour makes no kernel sharper. */
const CLOSEST = 0.002
/** After so many examples statistics hardly move; before, they are taken over at each power of two. */
const STEADY = 512
const DIGIT = 2 ** 20
/** exp(−x) is 0 in double precision: most of the kept examples are that far. */
const SILENT = 746

export class Mixture {
  readonly #parts: MixtureParts
  readonly #classes: Classes
  readonly #fast: FastHead
  readonly #closedForm: Discriminant | undefined
  #weights: readonly number[] = even()
  /** The usual squared distance to the nearest example. */
  #distance = 0
  #answers = 0
  /** Examples that the heads have learned, and what the base had counted when they were last placed. */
  #learned = 0
  #statistics: Tensors = new Map()
  #places = new WeakMap<MemoryItem, Float32Array>()
  #voters: { readonly head: Head; readonly outputs: number; readonly voters: Voters } | undefined

  constructor(parts: MixtureParts, classes: Classes) {
    this.#parts = parts
    this.#classes = classes
    const { engine, policy } = parts
    const { rate, window, widest } = policy.mixture
    this.#fast = new FastHead(engine.width, rate)
    this.#closedForm = engine.width <= widest ? new Discriminant(engine.width, window) : undefined
  }

  /** By the name of the expert. */
  get weights(): Readonly<Record<string, number>> {
    return Object.fromEntries(experts.map((expert, at) => [expert, this.#weights[at] ?? 0]))
  }

  /** What is kept of an example. */
  vectorOf(latent: Latent): Float32Array {
    return this.#parts.engine.keep(latent)
  }

  /** How all answer together. `logits` are those of the adapter. */
  answer(
    vector: Float32Array,
    logits: Float32Array,
    items: readonly MemoryItem[],
    head: Head,
  ): MixtureAnswer {
    const outputs = logits.length
    const x = this.#placed([vector])[0] ?? new Float32Array()
    const answering = this.#classes.answering(head)
    const among = (z: ArrayLike<number>) => sharesAmong(z, answering, outputs)
    const { votes, nearest } = this.#votes(x, items, head, outputs)
    const closedForm = this.#closedForm?.head(outputs)
    const shares = [
      among(logits),
      votes,
      closedForm === undefined ? [] : among(linear(closedForm, x, outputs)),
      among(this.#fast.logits(x, outputs)),
    ]
    const weights = this.#present(closedForm !== undefined)
    const mixed = Float32Array.from({ length: outputs }, (_, column) => {
      let sum = 0
      for (const [expert, own] of shares.entries())
        sum += (weights[expert] ?? 0) * (own[column] ?? 0)
      return Math.log(Math.max(sum, LEAST))
    })
    return { logits: mixed, shares, nearest }
  }

  /** The answer was tested: the weights move towards the experts that were right. */
  observe({ shares, nearest }: MixtureAnswer, target: Target, head: Head): void {
    if (nearest !== undefined) {
      this.#answers += 1
      const rate = Math.max(FOLLOWING, 1 / this.#answers)
      this.#distance += rate * (nearest - this.#distance)
    }
    const { at, isRight } = this.#classes.column(target, head)
    const outputs = shares[0]?.length ?? 0
    if (at < 0 || at >= outputs) return
    const likelihoods = shares.map((own) => {
      const share = own[at] ?? 0
      return (1 - DOUBT) * (isRight ? share : 1 - share) + DOUBT / outputs
    })
    this.#weights = this.#parts.policy.mixture.reweigh(this.#weights, likelihoods)
  }

  /** With an update. `statistics` are those after it. */
  learn(rows: readonly MixtureRow[], head: Head, statistics: Tensors, outputs: number): void {
    const before = this.#learned
    this.#learned += rows.length
    if (before === 0 || isDue(before, this.#learned)) this.#place(statistics)
    const answering = this.#classes.answering(head)
    const places = this.#placed(rows.map(({ latent }) => this.vectorOf(latent)))
    this.#fast.grow(outputs)
    for (const [row, { target, weight }] of rows.entries()) {
      const x = places[row]
      const { at, isRight } = this.#classes.column(target, head)
      // That one class is wrong says little of the others.
      if (x?.every(Number.isFinite) !== true || !isRight || at < 0 || !(weight > 0)) continue
      const solved = this.#closedForm?.head(outputs)
      this.#closedForm?.learn(
        x,
        at,
        weight,
        solved && Float32Array.from(linear(solved, x, outputs)),
      )
      if (answering.includes(at)) this.#fast.learn(x, at, weight, answering)
    }
  }

  /** Of a version with these examples. */
  tensors(items: readonly MemoryItem[], head: Head, outputs: number): Tensors {
    const { width } = this.#parts.engine
    const closedForm = this.#closedForm?.head(outputs)
    return mixtureTensors(
      {
        kept: this.#voting(items, head, outputs).map(([item, column]) => ({
          x: this.#placeOf(item),
          column,
        })),
        sharpness: this.#sharpness,
        weights: this.#present(closedForm !== undefined),
        closedForm,
        fast: this.#fast.head(outputs),
        statistics: this.#parts.engine.statisticsOf(this.#statistics),
        among: this.#classes.answering(head),
      },
      { width, outputs, items: items.length },
    )
  }

  snapshot(): MixtureWeights {
    return { weights: [...this.#weights], distance: this.#distance, answers: this.#answers }
  }

  /** Absent in the state of another policy, or of an earlier release. */
  restore(state: MixtureWeights | undefined): void {
    const fits = state?.weights.length === experts.length
    this.#weights = fits ? [...state.weights] : even()
    this.#distance = state?.distance ?? 0
    this.#answers = state?.answers ?? 0
  }

  /** What changes with an update, beside the tensors of the adapter. */
  learnedTensors(): Tensors {
    const closedForm = this.#closedForm?.snapshot() ?? new Map<string, Tensor>()
    return new Map<string, Tensor>([
      [names.learned, { shape: [2], data: Float32Array.of(...counted(this.#learned)) }],
      [names.fast, this.#fast.snapshot()],
      ...prefixed(names.closedForm, closedForm),
      ...prefixed(names.statistics, this.#statistics),
    ])
  }

  /** Of `learnedTensors`; where they are missing or of another base, the heads start again. */
  restoreLearned(tensors: Tensors): void {
    const [fast, learned] = [tensors.get(names.fast), tensors.get(names.learned)]
    const own = under(names.closedForm, tensors)
    const fits =
      fast !== undefined && this.#fast.restore(fast) && this.#closedForm?.restore(own) !== false
    this.#learned = fits ? (learned?.data[0] ?? 0) * DIGIT + (learned?.data[1] ?? 0) : 0
    this.#place(fits ? under(names.statistics, tensors) : new Map())
    if (!fits) this.#forget()
  }

  /** After an alarm that asks for a fresh start. */
  clear(): void {
    this.restore(undefined)
    this.#learned = 0
    this.#forget()
  }

  #forget(): void {
    this.#fast.reset()
    this.#closedForm?.reset()
  }

  /** An expert that cannot answer yet counts for nothing. */
  #present(hasClosedForm: boolean): readonly number[] {
    return this.#weights.map((weight, at) =>
      experts[at] === 'closed_form' && !hasClosedForm ? 0 : weight,
    )
  }

  get #sharpness(): number {
    const { policy, engine } = this.#parts
    return policy.voice.sharpness / Math.max(this.#distance, CLOSEST * engine.squareLength)
  }

  #votes(x: Float32Array, items: readonly MemoryItem[], head: Head, outputs: number) {
    const voters = this.#votersOf(items, head, outputs)
    const count = Math.min(voters.size, mostVoting(outputs))
    const distances = new Float64Array(count)
    const nearest = voters.distances(x, distances)
    const sharpness = this.#sharpness
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

  /** Made again where the head, or where examples lie, has changed. */
  #votersOf(items: readonly MemoryItem[], head: Head, outputs: number): Voters {
    if (this.#voters?.head !== head || this.#voters.outputs !== outputs) {
      const columnOf = (vote: MemoryItem['vote']) => {
        const column = this.#classes.voted(vote, head)
        return column === undefined || column >= outputs ? undefined : column
      }
      const placeOf = (item: MemoryItem) => this.#placeOf(item)
      const { width } = this.#parts.engine
      this.#voters = { head, outputs, voters: new Voters({ width, columnOf, placeOf }) }
    }
    const { voters } = this.#voters
    voters.hold(items)
    return voters
  }

  /** The newest that can vote, oldest first, each with its column. */
  #voting(items: readonly MemoryItem[], head: Head, outputs: number) {
    const columns = new Map<MemoryItem['vote'], number | undefined>()
    const columnOf = ({ vote }: MemoryItem) => {
      if (!columns.has(vote)) columns.set(vote, this.#classes.voted(vote, head))
      return columns.get(vote)
    }
    const found = items.flatMap((item): (readonly [MemoryItem, number])[] => {
      const column = columnOf(item)
      return column === undefined || column >= outputs ? [] : [[item, column]]
    })
    return found.slice(-mostVoting(outputs))
  }

  #placeOf(item: MemoryItem): Float32Array {
    const known = this.#places.get(item)
    if (known !== undefined) return known
    const [place = item.vector] = this.#placed([item.vector])
    this.#places.set(item, place)
    return place
  }

  #placed(vectors: readonly Float32Array[]): readonly Float32Array[] {
    return this.#parts.engine.place(vectors, this.#statistics)
  }

  #place(statistics: Tensors): void {
    this.#statistics = new Map(statistics)
    this.#places = new WeakMap()
    this.#voters = undefined
  }
}

/** Two digits, which float32 holds exactly. */
function counted(count: number): readonly [number, number] {
  return [Math.floor(count / DIGIT), count % DIGIT]
}

function even(): readonly number[] {
  return experts.map(() => 1 / experts.length)
}

/** Whether a power of two, or a multiple of STEADY, lies between. */
function isDue(before: number, after: number): boolean {
  if (Math.floor(before / STEADY) !== Math.floor(after / STEADY)) return true
  return after <= STEADY && Math.floor(Math.log2(before)) !== Math.floor(Math.log2(after))
}

function sharesAmong(z: ArrayLike<number>, answering: readonly number[], outputs: number) {
  const own = answering.filter((column) => column < outputs)
  const shares = softmax(own.map((column) => z[column] ?? 0))
  const all = new Array<number>(outputs).fill(0)
  for (const [at, column] of own.entries()) all[column] = shares[at] ?? 0
  return all
}

function linear(
  { weight, bias }: { readonly weight: ArrayLike<number>; readonly bias: ArrayLike<number> },
  x: Float32Array,
  outputs: number,
): number[] {
  const z = new Array<number>(outputs).fill(0)
  for (let column = 0; column < outputs; column += 1) {
    let sum = bias[column] ?? 0
    for (let at = 0; at < x.length; at += 1)
      sum += (weight[column * x.length + at] ?? 0) * (x[at] ?? 0)
    z[column] = sum
  }
  return z
}

function prefixed(prefix: string, tensors: Tensors): [string, Tensor][] {
  return [...tensors].map(([name, { shape, data }]) => [
    prefix + name,
    { shape: [...shape], data: data.slice() },
  ])
}

function under(prefix: string, tensors: Tensors): Tensors {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  )
}
