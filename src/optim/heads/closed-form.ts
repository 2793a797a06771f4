/**
 * An adapter that learns without gradients: a step adds its examples to sums, and the head is solved on demand, which
 * is once per version. The order of the stream does not affect the sums, so nothing is forgotten.
 *
 * Thumbs down on an answer only says which class is wrong: the example is divided among the other classes by the
 * present head's probabilities (expectation maximisation with one wrong answer known; Dempster, Laird & Rubin 1977).
 *
 * Where any number of classes may be right, each is solved for against the rest, from the columns of independent-columns.ts.
 *
 * The sums are exact where the embedding has a greatest length (whole-features.ts): then they do not depend on the order of
 * the examples at all, and what is subtracted has never been there. Two things follow the order: the shares of an example
 * that is divided, and the scale of the logits, which changes no answer but of independent labels, where a label is answered from a
 * score on. Features have no such bound: their sums are kept in floating point.
 *
 * An example divided among classes cannot be subtracted, because its shares are no longer known.
 */
import type {
  AdapterConfig,
  ClosedForm,
  StepResult,
  SummedExamples,
  SummedRow,
  SummedVersion,
  SumsReport,
  SumsWithout,
  Trainable,
  TrainableState,
  TrainRow,
} from '../../contracts/adapter.ts'
import type { Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Head, Target } from '../../contracts/example.ts'
import type { Classes, Task } from '../../contracts/task.ts'
import { areFinite, checkTensors, withoutSums, withSums } from '../../adapters/adapter.ts'
import { invalidAdapter } from '../../adapters/target-modules.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { softmax, Temperature } from '../../nn/softmax.ts'
import { ClassMoments, type SharedExample } from './class-moments.ts'
import { ExactSums, type WholeExample } from './exact-sums.ts'
import { outputsOfRow, outputsOfRows } from './head-outputs.ts'
import { independentColumns, priorsIn } from './independent-columns.ts'
import { type SumColumns, solvedHead, sumColumnsOf } from './solved-head.ts'
import { type WholeFeatures, wholeFeatures, type WholeRow } from './whole-features.ts'
import { embed, type EmbedderParts } from '../engines/eager-pass.ts'
import { copied, DROPPED, mapTensors } from '../weights.ts'

interface ClosedFormParts extends EmbedderParts {
  readonly closedForm: ClosedForm
  readonly task: Task
  readonly config: AdapterConfig
  readonly head: Head
  /** Its answers until it has learned something: `freshAdapter`, or the head of a version, with its sums if it has them. */
  readonly parameters: Tensors
  /** Versions have its sums, for a model that is merged from them. */
  readonly publishesSums?: boolean | undefined
}

const TEMPERATURE = 'temperature'
/** Rows that are embedded at once, of those that are left out. */
const BLOCK = 1024
/** The solved logits have a mean margin of 1 at the class means: β starts in the right order of magnitude for every method. */
const FIRST = { inverse: 10, memory: 1000 }

export class ClosedFormTrainable implements Trainable {
  readonly learnsOnce = true
  readonly #parts: ClosedFormParts
  readonly #whole: WholeFeatures | undefined
  readonly #sums: ClassMoments | ExactSums
  readonly #temperature = new Temperature(FIRST)
  readonly #classes: Classes
  readonly #columns: SumColumns
  #head: Head
  #solved: Tensors
  /** Columns of the classes that the head has seen. */
  #known: readonly number[] = []
  /** The sums have classes that the head lacks. */
  #isBehind = false
  #steps = 0

  constructor(parts: ClosedFormParts) {
    const { base, task, head, parameters, closedForm } = parts
    const { width } = base.network
    const outputs = task.outputs(head)
    const { own, sums } = withoutSums(parameters)
    checkTensors(task.parameters(width, outputs), own)
    invariant(task.classes !== undefined, `a closed form for ${task.kind}, which has no classes`)
    this.#parts = parts
    this.#classes = task.classes
    this.#columns = sumColumnsOf(task)
    this.#head = head
    this.#solved = copied(own)
    this.#whole = wholeFeatures(base)
    if (parts.publishesSums === true && this.#whole === undefined)
      throw failure('SHARDS_NEED_SUMS', 'the embedding of this base has no sums in whole numbers')
    if (this.#areIndependent && this.#whole === undefined)
      throw invalidAdapter(
        ...(['method', parts.config.method] as const),
        'head or lora: for classes that are independent, a closed form needs a base of texts or pictures',
      )
    this.#sums = this.#whole
      ? new ExactSums({ ...closedForm, ...this.#whole, width }, this.#columns.count(outputs))
      : new ClassMoments(width, outputs, closedForm)
    if (sums.size > 0) this.restore({ head, tensors: new Map([...own, ...sums]), steps: 0 })
  }

  get head(): Head {
    return this.#head
  }

  score(rows: readonly Latent[]): readonly Float32Array[] {
    if (rows.length === 0 || this.#outputs === 0) return rows.map(() => new Float32Array())
    this.#solve()
    return embed(this.#parts, rows).map(outputsOfRow(this.#parts, this.#solved, 1))
  }

  step(rows: readonly TrainRow[]): StepResult {
    return this.#learn(rows).result
  }

  testAndStep(rows: readonly TrainRow[], _rateFactor?: number, continues = false) {
    if (!continues) this.#solve()
    const { result, logits } = this.#learn(rows)
    return { ...result, logits }
  }

  forget(rows: readonly SummedRow[]): void {
    // What is left of sums in whole numbers is as it would be without the rows, and has a head as they had one before.
    const before = this.#sums instanceof ExactSums ? undefined : this.#sums.snapshot()
    this.#sums.subtractAll(this.#added(rows))
    this.#isBehind = true
    if (before === undefined) return
    this.#solve()
    if ([...this.#solved.values()].every(({ data }) => areFinite(data))) return
    this.#sums.restore(before, this.#columns.count(this.#outputs))
    this.#isBehind = true
    throw failure('STEP_DROPPED', 'without it the sums have no head with finite numbers')
  }

  resummed(state: TrainableState, gone: readonly SummedRow[], back: readonly SummedRow[]) {
    if (!(this.#sums instanceof ExactSums)) return undefined
    const left = this.#sums.copy()
    left.subtractAll(this.#added(gone))
    const own = [...state.tensors].filter(([name]) => this.#solved.has(name))
    const other = new ClosedFormTrainable({
      ...this.#parts,
      ...{ head: state.head, parameters: new Map(own) },
    })
    other.restore(state)
    const places = other.#names
    if (!(other.#sums instanceof ExactSums)) return undefined
    other.#sums.clear()
    other.#sums.merge(
      left,
      this.#names.map((name) => places.indexOf(name)),
    )
    other.#sums.addAll(other.#added(back))
    other.#isBehind = true
    return other.snapshot()
  }

  grow(head: Head): void {
    const before = this.#outputs
    this.#head = head
    const outputs = this.#outputs
    this.#sums.grow(this.#columns.count(outputs))
    this.#solved = mapTensors(this.#solved, (name, tensor) =>
      this.#parts.task.grow(name, tensor, outputs),
    )
    // The solution's logit for classes without examples.
    const bias = this.#solved.get('head.bias')?.data
    if (this.#areIndependent) bias?.set(this.#priors.slice(before), before)
    else if (this.#known.length > 0) bias?.fill(-this.#temperature.inverse, before)
  }

  parameters(): Tensors {
    this.#solve()
    const solved = copied(this.#solved)
    return this.#parts.publishesSums === true ? withSums(solved, this.#kept) : solved
  }

  merge(versions: readonly SummedVersion[]): void {
    const pooled = versions.map((version) => this.#mergedWith(version))
    this.#temperature.pool(pooled)
    this.#isBehind = true
    if (!this.#hasRoom([]))
      throw failure('STEP_DROPPED', 'together the sums have too many examples')
  }

  snapshot(): TrainableState {
    this.#solve()
    const tensors = new Map([...copied(this.#solved), ...this.#kept])
    return { head: this.#head, tensors, steps: this.#steps }
  }

  /** What a checkpoint has besides the head. */
  get #kept(): Tensors {
    return new Map([...this.#sums.snapshot(), [TEMPERATURE, this.#temperature.snapshot()]])
  }

  restore({ head, tensors, steps }: TrainableState): void {
    const { task, base } = this.#parts
    const outputs = task.outputs(head)
    const specs = task.parameters(base.network.width, outputs)
    const names = specs.map(({ name }) => name)
    const solved = new Map([...tensors].filter(([name]) => names.includes(name)))
    checkTensors(specs, solved, 'CHECKPOINT_FOREIGN')
    const temperature = tensors.get(TEMPERATURE)
    if (temperature === undefined || !this.#restoreSums(tensors, outputs))
      throw failure('CHECKPOINT_FOREIGN', 'the checkpoint lacks the sums of this closed form')
    this.#temperature.restore(temperature)
    this.#head = head
    this.#solved = copied(solved)
    this.#known = this.#columns.known(this.#sums.seen)
    this.#isBehind = false
    this.#steps = steps
  }

  get summed(): SummedExamples | undefined {
    if (!(this.#sums instanceof ExactSums)) return undefined
    const { examples, rounded } = this.#sums.facts
    const { length } = this.#columns.known(this.#sums.seen)
    return rounded === 0 ? { examples, outputs: length } : undefined
  }

  sums(): SumsReport | undefined {
    if (!(this.#sums instanceof ExactSums) || this.#whole === undefined) return undefined
    const { examples, divided, clipped, numbers, rounded } = this.#sums.facts
    return {
      ...(rounded === 0 && { digest: this.#sums.digest(this.#names) }),
      ...{ identity: this.#whole.identity, examples, divided },
      clipped: numbers === 0 ? 0 : clipped / numbers,
      scale: this.#temperature.inverse,
    }
  }

  get without(): SumsWithout | undefined {
    const sums = this.#sums
    const whole = this.#whole
    if (!(sums instanceof ExactSums) || whole === undefined) return undefined
    const { rounded, divided } = sums.facts
    if (rounded + divided > 0) return undefined
    const numbers = new WeakMap<readonly Latent[], Float32Array>()
    const embedded = (rows: readonly Latent[]) => {
      const known = numbers.get(rows) ?? joined(whole.of(whole.inputs(rows)), whole.unit)
      numbers.set(rows, known)
      return known
    }
    return {
      without: (rows) => {
        const left = sums.copy()
        for (let from = 0; from < rows.length; from += BLOCK)
          left.subtractAll(this.#added(rows.slice(from, from + BLOCK)))
        const parameters = this.#solution(left)
        return {
          answer: (asked) => outputsOfRows(this.#parts, parameters, embedded(asked), asked.length),
          digest: left.digest(this.#names),
          known: this.#columns.known(left.seen),
        }
      },
    }
  }

  dispose(): void {
    // It holds nothing on the engine.
  }

  /** Adds the sums of a version, and answers with its temperature. */
  #mergedWith({ head, parameters, identity }: SummedVersion): Temperature {
    const { base, task, closedForm } = this.#parts
    const { sums } = withoutSums(parameters)
    const [own, whole] = [this.#sums, this.#whole]
    const names = this.#columns.names(this.#classes.names(head))
    const temperature = sums.get(TEMPERATURE)
    const isOurs = whole?.identity === identity && own instanceof ExactSums
    if (whole === undefined || !isOurs || temperature === undefined)
      throw failure('SUMS_FOREIGN', 'the sums are over two bases or two projections')
    const { width } = base.network
    const theirs = new ExactSums({ ...closedForm, ...whole, width }, names.length)
    if (!theirs.restore(sums, names.length))
      throw failure('SUMS_FOREIGN', 'the sums are of another method or width')
    const all = task.union(this.#head, head)
    if (all !== this.#head) this.grow(all)
    const places = this.#names
    const columns = names.map((name) => places.indexOf(name))
    own.merge(theirs, columns)
    const found = new Temperature(FIRST)
    found.restore(temperature)
    return found
  }

  /** Sums in floating point, of an earlier release, are rounded where they are exact now. */
  #restoreSums(tensors: Tensors, outputs: number): boolean {
    if (this.#sums.restore(tensors, this.#columns.count(outputs))) return true
    if (!(this.#sums instanceof ExactSums) || this.#areIndependent) return false
    const { base, closedForm } = this.#parts
    const earlier = new ClassMoments(base.network.width, outputs, closedForm)
    if (!earlier.restore(tensors, outputs)) return false
    this.#sums.restoreRounded(earlier.of([...Array(outputs).keys()]))
    return true
  }

  /** The loss is that of the head as it was last solved for: within a block of several steps, before the block. */
  #learn(rows: readonly TrainRow[]): {
    readonly result: StepResult
    readonly logits: readonly Float32Array[]
  } {
    const embedded = this.#embedded(rows)
    const logitsOf = outputsOfRow(this.#parts, this.#solved, this.#whole?.unit ?? 1)
    const logits = embedded.map(({ x, whole }) => logitsOf(this.#whole ? whole.numbers : x))
    const isSound =
      embedded.every((own, row) => canBeAdded(own, rows[row]?.weight ?? NaN)) && this.#hasRoom(rows)
    if (rows.length === 0 || !isSound) return { result: DROPPED, logits }
    let loss = 0
    const learned: EmbeddedExample[] = []
    const priors = this.#areIndependent ? this.#priors : []
    for (const [row, { target, weight, isReplayed = false }] of rows.entries()) {
      const [own, z] = [embedded[row], logits[row]]
      // Replayed examples were added when they were new.
      if (own === undefined || z === undefined || weight === 0 || isReplayed) continue
      loss += (weight / rows.length) * this.#parts.task.score(z, target, this.#head).loss
      this.#calibrate(z, target, weight, priors)
      const shares = this.#shares(target, weight)
      const isDivided = shares === undefined
      learned.push({ ...own, ...(shares ?? this.#divided(z, target, weight)), isDivided })
    }
    this.#sums.addAll(learned)
    this.#isBehind = true
    this.#steps += 1
    return { result: { loss, gradientNorm: 0, dropped: false }, logits }
  }

  /** Rows as the sums have them, without those that were divided among the classes. */
  #added(rows: readonly SummedRow[]): readonly EmbeddedExample[] {
    const embedded = this.#embedded(rows)
    return rows.flatMap(({ target, weight }, row): EmbeddedExample[] => {
      const own = embedded[row]
      const shares = this.#shares(target, weight)
      if (own === undefined || shares === undefined || !canBeAdded(own, weight)) return []
      return [{ ...own, ...shares }]
    })
  }

  /** What is learned, and tested on the way, is the embedding in whole numbers, if sums are exact. */
  #embedded(rows: readonly Pick<TrainRow, 'latent'>[]): readonly EmbeddedRow[] {
    const latents = rows.map(({ latent }) => latent)
    const whole = this.#whole
    return whole === undefined
      ? embed(this.#parts, latents).map((x) => ({ x, whole: noRow }))
      : whole.of(whole.inputs(latents)).map((row) => ({ x: noNumbers, whole: row }))
  }

  /** A total weight of hundreds of millions is as many as exact sums take. */
  #hasRoom(rows: readonly TrainRow[]): boolean {
    const weight = rows.reduce((sum, row) => sum + row.weight, 0)
    return !(this.#sums instanceof ExactSums) || this.#sums.hasRoom(weight)
  }

  #calibrate(
    logits: Float32Array,
    target: Target,
    weight: number,
    priors: readonly number[],
  ): void {
    const answering = this.#answering()
    const said = this.#classes.known?.(target, this.#head)
    if (said !== undefined) {
      if (said.isWrong === true) return
      const { yes, no } = said
      const named = no === 'others' ? answering : answering.filter((at) => isIn(at, yes, no))
      const answers = named.map((at) => ({
        ...{ logit: logits[at] ?? 0, prior: priors[at] ?? 0 },
        holds: yes.includes(at),
      }))
      this.#temperature.observeEach(answers, weight)
      return
    }
    const [only, another] = this.#rightIn(target)
    const right = only === undefined || another !== undefined ? -1 : answering.indexOf(only)
    if (right >= 0 && answering.length > 1)
      this.#temperature.observe(among(logits, answering), right, weight)
  }

  /** Columns of the classes that the head has seen and may answer. */
  #answering(): readonly number[] {
    const answering = new Set(this.#classes.answering(this.#head))
    return this.#known.filter((column) => answering.has(column))
  }

  get #outputs(): number {
    return this.#parts.task.outputs(this.#head)
  }

  #rightIn(target: Target): readonly number[] {
    const named = this.#classes.columns(target, this.#head)
    return named.flatMap(({ at, isRight }) => (isRight ? [at] : []))
  }

  get #areIndependent(): boolean {
    return this.#classes.known !== undefined
  }

  /** Of the columns of the sums. */
  get #names(): readonly string[] {
    return this.#columns.names(this.#classes.names(this.#head))
  }

  /** Of the classes of the head in the present sums; none where there are no examples. */
  get #priors(): readonly number[] {
    const sums = this.#sums
    if (!(sums instanceof ExactSums) || sums.seen.length === 0) return []
    return priorsIn(sums, this.#outputs)
  }

  /** Undefined for an example that has to be divided. */
  #shares(target: Target, weight: number): ExampleShares | undefined {
    const said = this.#classes.known?.(target, this.#head)
    if (said !== undefined)
      return said.isWrong === true
        ? undefined
        : { shares: independentColumns.shares(said, weight), weight }
    const right = this.#rightIn(target)
    return right.length === 0 ? undefined : { shares: evenly(right, weight) }
  }

  /** p_c / (1 − p_wrong) of the weight for each that the target does not rule out. */
  #divided(logits: Float32Array, target: Target, weight: number): ExampleShares {
    const said = this.#classes.known?.(target, this.#head)
    if (said !== undefined)
      return {
        shares: independentColumns.divided(logits, said, this.#answering(), weight),
        weight,
      }
    const wrong = new Set(this.#classes.columns(target, this.#head).map(({ at }) => at))
    const others = this.#answering().filter((column) => !wrong.has(column))
    const shares = softmax(among(logits, others))
    return { shares: new Map(others.map((column, at) => [column, weight * (shares[at] ?? 0)])) }
  }

  #solve(): void {
    const seen = this.#sums.seen
    if (!this.#isBehind || (seen.length === 0 && this.#known.length === 0)) return
    this.#isBehind = false
    this.#known = this.#columns.known(seen)
    this.#solved = this.#solution(this.#sums)
  }

  /** Zeros where everything was taken back. */
  #solution(sums: ClassMoments | ExactSums): Tensors {
    if (sums.seen.length === 0) return zerosLike(this.#solved)
    const { inverse } = this.#temperature
    return solvedHead(sums, { ...this.#parts, head: this.#head, inverse })
  }
}

/** In whole numbers where sums are exact, and then without numbers in floating point. */
interface EmbeddedRow {
  readonly x: Float32Array
  readonly whole: WholeRow
}

type EmbeddedExample = SharedExample & EmbeddedRow & Pick<WholeExample, 'weight'>
type ExampleShares = Pick<WholeExample, 'shares' | 'weight'>

/** [rows, width] */
function joined(rows: readonly WholeRow[], unit: number): Float32Array {
  const width = rows[0]?.numbers.length ?? 0
  const all = new Float32Array(rows.length * width)
  for (const [row, { numbers }] of rows.entries())
    for (let at = 0; at < width; at += 1) all[row * width + at] = unit * (numbers[at] ?? 0)
  return all
}

function zerosLike(tensors: Tensors): Tensors {
  return mapTensors(tensors, (_, { shape, data }) => ({
    shape,
    data: new Float32Array(data.length),
  }))
}

const noNumbers = new Float32Array()
const noRow: WholeRow = { numbers: new Int16Array(), clipped: 0 }

/** A value that is not finite would stay in the sums for good, and so would its square. */
function canBeAdded({ x, whole }: EmbeddedRow, weight: number): boolean {
  const square = x.reduce((sum, value) => sum + value * value, 0)
  return weight >= 0 && whole.isBroken !== true && Number.isFinite(Math.fround(weight * square))
}

function isIn(at: number, ...lists: readonly (readonly number[])[]): boolean {
  return lists.some((list) => list.includes(at))
}

/** The weight of an example, divided among its classes. */
function evenly(columns: readonly number[], weight: number): ReadonlyMap<number, number> {
  return new Map(columns.map((column) => [column, weight / columns.length]))
}

function among(logits: Float32Array, columns: readonly number[]): Float32Array {
  return Float32Array.from(columns, (column) => logits[column] ?? 0)
}
