/**
 * The engine of a small network: forward and backward without TensorFlow, equal to it up to rounding, and for a linear model a
 * hundred times as fast, because nothing is uploaded, started or downloaded. The tape of each shape of batch is kept.
 */
import { headOutputs } from '../../nn/head-input.ts'
import {
  type AdapterPlan,
  methodOf,
  sitesOf,
  specsOf,
  statisticsOf,
} from '../../adapters/adapter.ts'
import { isEmbedded } from '../../adapters/view.ts'
import { cutOf } from '../../adapters/target-modules.ts'
import type { Method, TrainRow } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Latent, TargetModule } from '../../contracts/network.ts'
import { openDropout, type Dropout } from '../../nn/dropout.ts'
import { type HeldTensor, openTape, type PlainTape } from '../../nn/js/ops.ts'
import { NotPlain, numbersIn, type PlainValue } from '../../nn/js/tape.ts'
import { batches, padded } from './batch.ts'
import type { AdapterEngine, Gradients, LossOf, OutputGradient } from './engine-adapter.ts'
import type { KernelWeights } from './kernel-weights.ts'

/**
 * Numbers in the base's weights. An MLP 784-100-100-10 takes a sixth of the time of compiled TensorFlow for 10 rows and four fifths
 * for 128 (`npm run bench -- speed small`); larger ones are for TensorFlow.
 */
const MOST_WEIGHTS = 2 ** 17
/** Rows on one tape: larger batches take turns on it, so that its numbers stay in the processor's cache. */
const MOST_ROWS = 64
/** Tapes kept; a step has one of a few shapes, and one more each time that the head grows. */
const MOST_TAPES = 64

interface PlainPlan extends AdapterPlan {
  /** The loss of a step compares its rows with each other, so they go through the network together. */
  readonly isJoint?: true
}

/** Which numbers a tape reads: copies, or those that learn or answer, where they lie. */
type Read = 'copied' | 'learning' | 'answering'

interface ChosenParameters {
  readonly read: Read
  readonly parameters: ReadonlyMap<string, Tensor | HeldTensor>
  /** Numbers in all of them. */
  readonly size: number
}

interface RecordedPass {
  readonly tape: PlainTape
  readonly hidden: PlainValue
  readonly mask: PlainValue
  readonly output: PlainValue
  /** Views of the output of each row. */
  readonly outputs: readonly Float32Array[]
  /** Room for the gradient of the output. */
  readonly gradient: OutputGradient
}

export class PlainAdapter implements AdapterEngine {
  readonly #plan: PlainPlan
  readonly #method: Method
  readonly #sites: readonly TargetModule[]
  readonly #cut: number
  readonly #nonTrainable: ReadonlySet<string>
  readonly #recorded = new Map<string, RecordedPass>()
  readonly #weights: KernelWeights | undefined
  #parameters: Tensors = new Map()
  #chosen: Partial<Record<Read, ChosenParameters>> = {}

  /** `weights`: those that learn, which lie in the memory of the kernels; then `load` gets all others. */
  constructor(plan: PlainPlan, weights?: KernelWeights) {
    this.#plan = plan
    this.#weights = weights
    this.#method = methodOf(plan)
    this.#sites = sitesOf(plan)
    this.#cut = cutOf(plan.config.tail_layers, plan.base.network.layers)
    this.#nonTrainable = new Set(statisticsOf(plan).map(({ name }) => name))
  }

  load(parameters: Tensors): void {
    this.#parameters = parameters
    this.#chosen = {}
  }

  /** The weights lie elsewhere. */
  moved(): void {
    this.#chosen = {}
    this.#forgetTapes()
  }

  logits(rows: readonly Latent[]): readonly Float32Array[] {
    return this.#outputs(rows, this.#choose('answering'))
  }

  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[] {
    return this.#outputs(rows, copiedFrom(new Map([...this.#parameters, ...parameters])))
  }

  gradients(
    rows: readonly TrainRow[],
    lossOf: LossOf,
    seed: string,
    needsLogits = true,
  ): Gradients {
    const sums = new Map<string, Float32Array>()
    const logits: Float32Array[] = []
    let loss = 0
    const groups = this.#plan.isJoint === true ? [rows] : batches(rows, MOST_ROWS)
    for (const [at, group] of groups.entries()) {
      const dropout = this.#method.isRandomInSteps === true ? openDropout(seed, at) : undefined
      const latents = group.map(({ latent }) => latent)
      const recorded = this.#forward(latents, this.#choose('learning'), dropout)
      const { tape, output, outputs, gradient } = recorded
      gradient.all.fill(0)
      const found = lossOf(group, outputs, gradient)
      tape.backward(output, found.gradient, at > 0)
      loss += found.loss
      if (needsLogits) logits.push(...copiesOf(outputs))
      if (this.#weights === undefined) this.#collect(tape, sums)
    }
    return { loss, gradients: this.#weights?.gradients ?? sums, logits }
  }

  dispose(): void {
    this.#parameters = new Map()
    this.#chosen = {}
    this.#forgetTapes()
  }

  #forgetTapes(): void {
    for (const { tape } of this.#recorded.values()) tape.close()
    this.#recorded.clear()
  }

  #outputs(rows: readonly Latent[], chosen: ChosenParameters): readonly Float32Array[] {
    return batches(rows, MOST_ROWS).flatMap((group) =>
      copiesOf(this.#forward(group, chosen).outputs),
    )
  }

  /** Made once until something is loaded. */
  #choose(read: Exclude<Read, 'copied'>): ChosenParameters {
    const weights = this.#weights
    if (weights === undefined) return (this.#chosen.copied ??= copiedFrom(this.#parameters))
    const held = weights[read]
    return (this.#chosen[read] ??= {
      read: weights.learning === held ? 'learning' : read,
      parameters: new Map<string, Tensor | HeldTensor>([...this.#parameters, ...held]),
      size: numbersIn(this.#parameters) + weights.size,
    })
  }

  /** Adds the gradients of the tape. */
  #collect(tape: PlainTape, gradients: Map<string, Float32Array>): void {
    for (const [name, { data }] of this.#parameters) {
      if (this.#nonTrainable.has(name)) continue
      const [sum, own] = [gradients.get(name), tape.gradientOf(name)]
      if (sum === undefined) gradients.set(name, own?.slice() ?? new Float32Array(data.length))
      else if (own !== undefined)
        for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) + (own[at] ?? 0)
    }
  }

  /** Once more on the tape of this shape, if there is one. */
  #forward(rows: readonly Latent[], chosen: ChosenParameters, dropout?: Dropout): RecordedPass {
    const positions = longest(rows)
    const key = `${rows.length},${positions}/${chosen.size}/${chosen.read}/${dropout !== undefined}`
    const known = this.#recorded.get(key)
    if (known?.tape.isValid === true) {
      write(rows, positions, known)
      known.tape.again(chosen.parameters, dropout)
      return known
    }
    const recorded = this.#record(padded(rows), chosen, dropout)
    this.#recorded.delete(key)
    this.#recorded.set(key, recorded)
    const [oldest] = this.#recorded
    if (this.#recorded.size > MOST_TAPES && oldest !== undefined) {
      oldest[1].tape.close()
      this.#recorded.delete(oldest[0])
    }
    return recorded
  }

  #record(
    input: { readonly hidden: Tensor; readonly mask: Tensor },
    { parameters }: ChosenParameters,
    dropout?: Dropout,
  ): RecordedPass {
    const { base, task } = this.#plan
    const tape = openTape(base.weights, parameters, this.#nonTrainable, dropout)
    const [hidden, mask] = [tape.input(input.hidden), tape.input(input.mask)]
    const adaptation = this.#method.adaptation(tape.ops, this.#sites, false)
    const place = { hidden, mask, cut: this.#cut, adaptation }
    const output = headOutputs<PlainValue>(tape.ops, base.network, task, place)
    const rows = input.hidden.shape[0] ?? 0
    const all = new Float32Array(output.size)
    const gradient = { all, rows: rowsOf(all, rows) }
    return { tape, hidden, mask, output, outputs: rowsOf(output.data, rows), gradient }
  }
}

/** Within one plan only the head's outputs change, so the count of all numbers distinguishes two shapes. */
function copiedFrom(parameters: Tensors): ChosenParameters {
  return { read: 'copied', parameters, size: numbersIn(parameters) }
}

function longest(rows: readonly Latent[]): number {
  return rows.reduce((most, { positions }) => Math.max(most, positions), 0)
}

/** Numbers that are copied one by one in less time than a call takes. */
const FEW = 32

function place(data: Float32Array, into: Float32Array, from: number): void {
  if (data.length > FEW) into.set(data, from)
  else for (let at = 0; at < data.length; at += 1) into[from + at] = data[at] ?? 0
}

/** Writes the padded rows into the inputs of a tape. */
function write(rows: readonly Latent[], length: number, { hidden, mask }: RecordedPass): void {
  let row = 0
  for (const { data, width, positions } of rows) {
    const from = row * length
    row += 1
    place(data, hidden.data, from * width)
    // Rows of one position fill the mask, as they did when the tape was recorded.
    if (length === 1) continue
    if (positions < length) hidden.data.fill(0, (from + positions) * width, (from + length) * width)
    mask.data.fill(1, from, from + positions)
    mask.data.fill(0, from + positions, from + length)
  }
}

/** Small, and of operations that are here: found out by running it once. The size of the head makes no difference. */
export function isPlain(some: AdapterPlan): boolean {
  const plan = { ...some, outputs: 1 }
  const { base } = plan
  const isSmall = base.isSmall === true && numbersIn(base.weights) <= MOST_WEIGHTS
  const isHeadAlone = isEmbedded(base) && plan.task.reads === 'pooled'
  if (!isSmall && !isHeadAlone) return false
  const width = base.network.latentWidth(0)
  const engine = new PlainAdapter(plan)
  engine.load(new Map(specsOf(plan).map(({ name, shape }) => [name, zeros(shape)])))
  try {
    engine.logits([{ positions: 1, width, data: new Float32Array(width) }])
    return true
  } catch (error) {
    if (error instanceof NotPlain) return false
    throw error
  } finally {
    engine.dispose()
  }
}

function zeros(shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) }
}

/** Views. */
function rowsOf(data: Float32Array, rows: number): readonly Float32Array[] {
  const width = data.length / rows
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width))
}

/** The tape writes over its outputs. */
function copiesOf(outputs: readonly Float32Array[]): readonly Float32Array[] {
  return outputs.map((row) => row.slice())
}
