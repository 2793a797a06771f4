/**
 * The experts of a mixture beside the adapter, and the weight of each (nn/mixture.ts). The weights change with every
 * tested example; the two linear experts and the forest learn with an update, like the adapter.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import {
  experts,
  type Memory,
  type MemoryItem,
  type MixturePolicy,
} from '../../contracts/policy.ts'
import type { Head, Target } from '../../contracts/example.ts'
import { onlyColumn, type Classes } from '../../contracts/task.ts'
import { leafRoomFor, mixtureTensors } from '../../nn/mixture.ts'
import { LEAST } from '../../nn/memory.ts'
import { softmax } from '../../nn/softmax.ts'
import { boundSums } from '../../optim/update-bound.ts'
import type { ComparedEngine } from './engines.ts'
import { KernelVote, type VoteDistance } from './kernel-vote.ts'
import { LinearExperts } from './linear-experts.ts'
import { MondrianForest } from './mondrian-forest.ts'

interface MixtureParts {
  readonly policy: Memory & { readonly mixture: MixturePolicy }
  readonly engine: ComparedEngine
}

export interface MixtureAnswer {
  /** The logits of all experts together. */
  readonly logits: Float32Array
  /** The probabilities of each expert, by column. */
  readonly shares: readonly (readonly number[])[]
  /** Squared distance to the nearest stored example; undefined if there is none. */
  readonly nearest: number | undefined
}

interface MixtureRow {
  readonly latent: Latent
  readonly target: Target
  readonly weight: number
}

/** The state that every example changes; the rest changes with an update. */
export interface MixtureWeights extends VoteDistance {
  readonly [key: string]: readonly number[] | number
  readonly weights: readonly number[]
}

/** Begins the names of its tensors, which lie beside those of the adapter. */
export const MIXTURE_TENSORS = 'mixture/'
const STATISTICS = 'statistics/'
const FOREST = 'forest/'
const LEARNED = 'learned'
/** Begin the names of the tensors that an update moves, for each expert. */
const bounded = ['fast', 'closed_form/sums/']

/** Taken from what an expert says: one sure and wrong answer must not silence it. */
const DOUBT = 0.02
/**
 * Its likelihoods count for a little less: where the forest is only as good as the others, its many leaves would add their noise.
 * Chosen with the number of trees on drawn boards, on phishing and on elec2.
 */
const FOREST_PART = 0.95
/** After so many examples statistics hardly move; before, they are adopted at each power of two. */
const STEADY = 512
const DIGIT = 2 ** 20

export class Mixture {
  readonly #parts: MixtureParts
  readonly #classes: Classes
  readonly #votes: KernelVote
  readonly #linear: LinearExperts
  /** Undefined unless examples are rows of a table that is not too wide. */
  readonly #forest: MondrianForest | undefined
  readonly #experts: readonly (typeof experts)[number][]
  #weights: readonly number[]
  /** How many examples the linear experts have learned. */
  #learned = 0

  constructor(parts: MixtureParts, classes: Classes) {
    const { engine, policy } = parts
    this.#parts = parts
    this.#classes = classes
    this.#votes = new KernelVote({ engine, classes, sharpness: policy.voice.sharpness })
    this.#linear = new LinearExperts(engine.width, policy.mixture)
    const { forestWidth: numbers } = engine
    this.#forest = numbers === undefined ? undefined : new MondrianForest(numbers)
    this.#experts = experts.filter((expert) => expert !== 'forest' || this.#forest !== undefined)
    this.#weights = this.#even()
  }

  /** By the name of the expert. */
  get weights(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#experts.map((expert, at) => [expert, this.#weights[at] ?? 0]))
  }

  /** The vector that is stored of an example. */
  vectorOf(latent: Latent): Float32Array {
    return this.#parts.engine.keep(latent)
  }

  /** How all experts answer together. `logits`: of the adapter. */
  answer(
    vector: Float32Array,
    logits: Float32Array,
    items: readonly MemoryItem[],
    head: Head,
  ): MixtureAnswer {
    const outputs = logits.length
    const x = this.#votes.placed([vector])[0] ?? new Float32Array()
    const answering = this.#classes.answering(head)
    const among = (z: ArrayLike<number>) => sharesAmong(z, answering, outputs)
    const { all, recent, latest, nearest } = this.#votes.votes(x, items, head, outputs)
    const { closedForm, fast } = this.#linear.logits(x, outputs)
    const solved = closedForm ? among(closedForm) : []
    const forest = this.#forest && [this.#forest.shares(vector, answering, outputs) ?? []]
    const shares = [among(logits), all, solved, among(fast), recent, latest, ...(forest ?? [])]
    const weights = this.#present(closedForm !== undefined)
    const mixed = new Float32Array(outputs)
    for (let column = 0; column < outputs; column += 1) {
      let sum = 0
      for (let expert = 0; expert < shares.length; expert += 1)
        sum += (weights[expert] ?? 0) * (shares[expert]?.[column] ?? 0)
      mixed[column] = Math.log(Math.max(sum, LEAST))
    }
    return { logits: mixed, shares, nearest }
  }

  /** The answer was tested: the weights move towards the experts that were right. */
  observe({ shares, nearest }: MixtureAnswer, target: Target, head: Head): void {
    if (nearest !== undefined) this.#votes.observe(nearest)
    const named = onlyColumn({ classes: this.#classes }, target, head)
    const outputs = shares[0]?.length ?? 0
    if (named === undefined || named.at >= outputs) return
    const { at, isRight } = named
    const likelihoods = shares.map((own, expert) => {
      const share = own[at] ?? 0
      const part = this.#experts[expert] === 'forest' ? FOREST_PART : 1
      return part * ((1 - DOUBT) * (isRight ? share : 1 - share) + DOUBT / outputs)
    })
    this.#weights = this.#parts.policy.mixture.reweigh(this.#weights, likelihoods)
  }

  /** Part of an update. `statistics`: those after it. */
  learn(rows: readonly MixtureRow[], head: Head, statistics: Tensors, outputs: number): void {
    const before = this.#learned
    this.#learned += rows.length
    if (before === 0 || isDue(before, this.#learned)) this.#votes.place(statistics)
    const answering = this.#classes.answering(head)
    const vectors = rows.map(({ latent }) => this.vectorOf(latent))
    const places = this.#votes.placed(vectors)
    this.#linear.grow(outputs)
    for (const [row, { target, weight }] of rows.entries()) {
      const x = places[row]
      const named = onlyColumn({ classes: this.#classes }, target, head)
      // That one class is wrong says little about the others.
      if (x?.every(Number.isFinite) !== true || named?.isRight !== true || !(weight > 0)) continue
      const { at } = named
      this.#linear.learn({ x, column: at, weight }, answering, outputs)
      this.#forest?.learn(vectors[row] ?? x, at, weight, outputs)
    }
  }

  /** The tensors of a version that answers with these stored examples. */
  tensors(items: readonly MemoryItem[], head: Head, outputs: number): Tensors {
    const { engine } = this.#parts
    const closedForm = this.#linear.closedForm(outputs)
    return mixtureTensors(
      {
        kept: this.#votes.kept(items, head, outputs),
        sharpness: this.#votes.sharpness,
        weights: this.#present(closedForm !== undefined),
        closedForm,
        fast: this.#linear.fast(outputs),
        forest: this.#forest && {
          width: this.#forest.width,
          leaves: this.#forest.leaves(this.#classes.answering(head), outputs),
        },
        statistics: engine.statisticsOf(this.#votes.statistics),
        among: this.#classes.answering(head),
      },
      { width: engine.width, outputs, items: items.length },
    )
  }

  /** Room for the leaves of its forest in a version; undefined if it has none. */
  get leafRoom(): number | undefined {
    return this.#forest && leafRoomFor(this.#forest.leafCount)
  }

  snapshot(): MixtureWeights {
    return { weights: [...this.#weights], ...this.#votes.snapshot() }
  }

  /** Undefined in the state of another policy, or of an earlier release. */
  restore(state: MixtureWeights | undefined): void {
    const fits = state?.weights.length === this.#experts.length
    this.#weights = fits ? [...state.weights] : this.#even()
    this.#votes.restore({ distance: state?.distance ?? 0, answers: state?.answers ?? 0 })
  }

  /** The state that changes with an update, beside the tensors of the adapter. */
  learnedTensors(): Tensors {
    const statistics = [...this.#votes.statistics]
    const own: readonly (readonly [string, Tensor])[] = [
      [LEARNED, { shape: [2], data: Float32Array.of(...digitsOf(this.#learned)) }],
      ...this.#linear.snapshot(),
      ...[...(this.#forest?.snapshot() ?? [])].map(
        ([name, tensor]) => [FOREST + name, tensor] as const,
      ),
      ...statistics.map(([name, tensor]) => [STATISTICS + name, tensor] as const),
    ]
    return new Map(own.map(([name, tensor]) => [MIXTURE_TENSORS + name, copied(tensor)]))
  }

  /** Restores `learnedTensors`; if they are missing or of another base, the linear experts start again. */
  restoreLearned(tensors: Tensors): void {
    const own = under(MIXTURE_TENSORS, tensors)
    const learned = own.get(LEARNED)?.data
    const fits = this.#linear.restore(own)
    this.#forest?.restore(under(FOREST, own))
    this.#learned = fits ? (learned?.[0] ?? 0) * DIGIT + (learned?.[1] ?? 0) : 0
    this.#votes.place(fits ? under(STATISTICS, own) : new Map())
  }

  /**
   * The linear experts as they are bound by `most`, each by itself: an update that moved one further than that part of its
   * length is scaled down, and teaches the forest nothing, which has no length. Returns the least factor; undefined if none was.
   * `before`: with `learnedTensors`.
   */
  boundUpdate(before: TrainableState, after: TrainableState, most: number): number | undefined {
    const learned = this.learnedTensors()
    const bounds = bounded.flatMap((prefix) => {
      const own = [...learned].filter(([name]) => name.startsWith(MIXTURE_TENSORS + prefix))
      // What rounding has left of the sums is no length of its own, and too little to bound.
      const values = new Map(own.filter(([name]) => !name.endsWith('_rest')))
      return boundSums(before, { ...after, tensors: values }, most) ?? []
    })
    if (bounds.length === 0) return undefined
    const forest = [...before.tensors].filter(([name]) => name.startsWith(MIXTURE_TENSORS + FOREST))
    const moved = bounds.flatMap(({ state }) => [...state.tensors])
    this.restoreLearned(new Map([...learned, ...forest, ...moved]))
    return Math.min(...bounds.map(({ factor }) => factor))
  }

  /** After an alarm that asks for a fresh start, or because what was learned must not stay. */
  clear(): void {
    this.restore(undefined)
    this.#learned = 0
    this.#linear.reset()
    this.#forest?.reset()
  }

  #even(): readonly number[] {
    return this.#experts.map(() => 1 / this.#experts.length)
  }

  /** An expert that cannot answer yet has no weight. */
  #present(hasClosedForm: boolean): readonly number[] {
    const hasForest = this.#forest !== undefined && this.#forest.leafCount > 0
    return this.#weights.map((weight, at) => {
      const expert = this.#experts[at]
      const isSilent =
        (expert === 'closed_form' && !hasClosedForm) || (expert === 'forest' && !hasForest)
      return isSilent ? 0 : weight
    })
  }
}

/** Two digits, which float32 holds exactly. */
function digitsOf(count: number): readonly [number, number] {
  return [Math.floor(count / DIGIT), count % DIGIT]
}

/** Whether there is a power of two, or a multiple of STEADY, between them. */
function isDue(before: number, after: number): boolean {
  if (Math.floor(before / STEADY) !== Math.floor(after / STEADY)) return true
  return after <= STEADY && Math.floor(Math.log2(before)) !== Math.floor(Math.log2(after))
}

/** softmax(z) over the columns that may answer; 0 for the others. */
function sharesAmong(z: ArrayLike<number>, answering: readonly number[], outputs: number) {
  const areAll = answering.length === outputs && z.length === outputs
  if (areAll && answering.every((column, at) => column === at)) return softmax(z)
  const own = answering.filter((column) => column < outputs)
  const shares = softmax(own.map((column) => z[column] ?? 0))
  const all = new Array<number>(outputs).fill(0)
  for (const [at, column] of own.entries()) all[column] = shares[at] ?? 0
  return all
}

function copied({ shape, data }: Tensor): Tensor {
  return { shape: [...shape], data: data.slice() }
}

function under(prefix: string, tensors: Tensors): Tensors {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  )
}
