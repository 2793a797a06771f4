/**
 * An adapter that learns without gradients: a step adds its examples to sums, and the head is solved for when somebody
 * looks, which is once a version. The order of the stream makes no difference to the sums, so nothing is forgotten.
 *
 * Thumbs down on an answer say only which label is wrong: the example is shared out among the other labels as the present
 * head believes in them (expectation maximisation with one wrong answer known; Dempster, Laird & Rubin 1977).
 *
 * A retraction is subtracted for as long as replay keeps the example; what was shared out among labels cannot be, because
 * the shares are not known any more.
 */
import type {
  AdapterConfig,
  ClosedForm,
  StepResult,
  Trainable,
  TrainableState,
  TrainRow,
} from '../contracts/adapter.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { Latent } from '../contracts/network.ts'
import type { Task } from '../contracts/task.ts'
import { checkTensors } from '../adapters/adapter.ts'
import { failure, invariant } from '../platform/errors.ts'
import { softmax } from '../nn/softmax.ts'
import { ClassMoments } from './class-moments.ts'
import { headOf } from './closed-form-head.ts'
import { embed, type EmbedderParts } from './embedder.ts'
import { Temperature } from './temperature.ts'
import { copied } from './weights.ts'

export interface ClosedFormParts extends EmbedderParts {
  readonly closedForm: ClosedForm
  readonly task: Task
  readonly config: AdapterConfig
  readonly labels: readonly string[]
  /** What it answers with until it has learned something: `freshAdapter`, or the head of a version. */
  readonly parameters: Tensors
  /** Labels whose sums stay and which answer nothing. */
  readonly retired?: readonly string[] | undefined
}

export function openClosedForm(parts: ClosedFormParts): Trainable {
  return new ClosedFormTrainable(parts)
}

const TEMPERATURE = 'temperature'
const DROPPED: StepResult = { loss: NaN, gradientNorm: NaN, dropped: true }

class ClosedFormTrainable implements Trainable {
  readonly learnsOnce = true
  readonly #parts: ClosedFormParts
  readonly #moments: ClassMoments
  readonly #temperature = new Temperature()
  #labels: readonly string[]
  #head: Tensors
  /** Places of the labels that the head has seen. */
  #known: readonly number[] = []
  /** The sums have what the head does not. */
  #isBehind = false
  #steps = 0

  constructor(parts: ClosedFormParts) {
    const { base, task, labels, parameters, closedForm } = parts
    checkTensors(task.parameters(base.network.width, labels), parameters)
    this.#parts = parts
    this.#labels = [...labels]
    this.#head = copied(parameters)
    this.#moments = new ClassMoments(base.network.width, labels.length, closedForm.needsMoments)
  }

  get labels(): readonly string[] {
    return this.#labels
  }

  score(rows: readonly Latent[]): readonly Float32Array[] {
    if (rows.length === 0 || this.#labels.length === 0) return rows.map(() => new Float32Array())
    this.#solve()
    return embed(this.#parts, rows).map((x) => this.#logits(x))
  }

  step(rows: readonly TrainRow[]): StepResult {
    return this.#learn(rows).result
  }

  testAndStep(rows: readonly TrainRow[]) {
    this.#solve()
    const { result, logits } = this.#learn(rows)
    return { ...result, logits }
  }

  forget(rows: readonly Pick<TrainRow, 'latent' | 'target' | 'weight'>[]): void {
    const embeddings = embed(
      this.#parts,
      rows.map(({ latent }) => latent),
    )
    for (const [row, { target, weight }] of rows.entries()) {
      const at = this.#labels.indexOf(target.label)
      const x = embeddings[row]
      if (x === undefined || at < 0 || target.kind !== 'label' || !canBeAdded(x, weight)) continue
      this.#moments.subtract(x, at, weight)
    }
    this.#isBehind = true
  }

  grow(added: readonly string[]): void {
    invariant(!added.some((label) => this.#labels.includes(label)), `grown twice: ${added.join()}`)
    const before = this.#labels.length
    this.#labels = [...this.#labels, ...added]
    this.#moments.grow(this.#labels.length)
    const grow = (name: string, tensor: Tensor) =>
      this.#parts.task.grow(name, tensor, this.#labels.length)
    this.#head = mapped(this.#head, grow)
    // What a solution says of labels that nobody has seen.
    if (this.#known.length > 0)
      this.#head.get('head.bias')?.data.fill(-this.#temperature.inverse, before)
  }

  parameters(): Tensors {
    this.#solve()
    return copied(this.#head)
  }

  snapshot(): TrainableState {
    this.#solve()
    const tensors = new Map([...copied(this.#head), ...this.#moments.snapshot()])
    tensors.set(TEMPERATURE, this.#temperature.snapshot())
    return { labels: [...this.#labels], tensors, steps: this.#steps }
  }

  restore({ labels, tensors, steps }: TrainableState): void {
    const { task, base } = this.#parts
    const specs = task.parameters(base.network.width, labels)
    const names = specs.map(({ name }) => name)
    const head = new Map([...tensors].filter(([name]) => names.includes(name)))
    checkTensors(specs, head, 'CHECKPOINT_FOREIGN')
    const temperature = tensors.get(TEMPERATURE)
    if (temperature === undefined || !this.#moments.restore(tensors, labels.length))
      throw failure('CHECKPOINT_FOREIGN', 'the checkpoint lacks the sums of this closed form')
    this.#temperature.restore(temperature)
    this.#labels = [...labels]
    this.#head = copied(head)
    this.#known = this.#moments.seen
    this.#isBehind = false
    this.#steps = steps
  }

  dispose(): void {
    // It holds nothing on the engine.
  }

  /** The loss is that of the head as it was last solved for: within a block of several steps, before the block. */
  #learn(rows: readonly TrainRow[]): {
    readonly result: StepResult
    readonly logits: readonly Float32Array[]
  } {
    const embeddings = embed(
      this.#parts,
      rows.map(({ latent }) => latent),
    )
    const logits = embeddings.map((x) => this.#logits(x))
    const isSound = rows.every(({ weight }, row) => canBeAdded(embeddings[row], weight))
    if (rows.length === 0 || !isSound) return { result: DROPPED, logits }
    let loss = 0
    for (const [row, { target, weight, isReplayed = false }] of rows.entries()) {
      const [x, z] = [embeddings[row], logits[row]]
      // What is rehearsed was added when it was new.
      if (x === undefined || z === undefined || weight === 0 || isReplayed) continue
      const { task, retired } = this.#parts
      loss += (weight / rows.length) * task.score(z, target, this.#labels, retired).loss
      const at = this.#labels.indexOf(target.label)
      if (target.kind === 'label') this.#add(x, z, at, weight)
      else this.#moments.add(x, this.#others(z, at, weight))
    }
    this.#isBehind = true
    this.#steps += 1
    return { result: { loss, gradientNorm: 0, dropped: false }, logits }
  }

  #add(x: Float32Array, logits: Float32Array, label: number, weight: number): void {
    const answering = this.#answering()
    const right = answering.indexOf(label)
    if (right >= 0 && answering.length > 1)
      this.#temperature.observe(among(logits, answering), right, weight)
    this.#moments.add(x, new Map([[label, weight]]))
  }

  /** Places of the labels that the head has seen and may answer. */
  #answering(): readonly number[] {
    const { retired = [] } = this.#parts
    return this.#known.filter((label) => !retired.includes(this.#labels[label] ?? ''))
  }

  /** p_c / (1 − p_wrong) of the weight for each of these. */
  #others(logits: Float32Array, wrong: number, weight: number): ReadonlyMap<number, number> {
    const others = this.#answering().filter((label) => label !== wrong)
    const shares = softmax(among(logits, others))
    return new Map(others.map((label, at) => [label, weight * (shares[at] ?? 0)]))
  }

  #solve(): void {
    const seen = this.#moments.seen
    if (!this.#isBehind || seen.length === 0) return
    const { closedForm, task, base } = this.#parts
    const sums = this.#moments.of(seen)
    const scale = task.scale(base.network.unit)
    const shape = { labels: this.#labels.length, seen, scale }
    this.#head = headOf(closedForm.solve(sums), sums, this.#temperature.inverse, shape)
    this.#known = seen
    this.#isBehind = false
  }

  /** As the task has it: scale · x·W + b, zeros of x passed over. */
  #logits(x: Float32Array): Float32Array {
    const { task, base } = this.#parts
    const scale = task.scale(base.network.unit)
    const weight = this.#head.get('head.weight')?.data
    const bias = this.#head.get('head.bias')?.data
    invariant(weight !== undefined && bias !== undefined, 'a head')
    const sums = Float64Array.from(bias)
    for (const [row, value] of x.entries()) {
      if (value === 0) continue
      for (let label = 0, at = row * sums.length; label < sums.length; label += 1, at += 1)
        sums[label] = (sums[label] ?? 0) + scale * value * (weight[at] ?? 0)
    }
    return Float32Array.from(sums)
  }
}

/** Sums never get rid of what is not finite, also not of a square. */
function canBeAdded(x: Float32Array | undefined, weight: number): boolean {
  const square = x?.reduce((sum, value) => sum + value * value, 0) ?? NaN
  return weight >= 0 && Number.isFinite(Math.fround(weight * square))
}

function among(logits: Float32Array, labels: readonly number[]): Float32Array {
  return Float32Array.from(labels, (label) => logits[label] ?? 0)
}

function mapped(tensors: Tensors, change: (name: string, tensor: Tensor) => Tensor): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [name, change(name, tensor)]))
}
