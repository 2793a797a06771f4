/**
 * The engine of a small network: forward and backward in plain JavaScript, equal to TensorFlow's up to rounding, and for a
 * linear model a hundred times as fast, because nothing is uploaded, started or downloaded.
 */
import { headInput } from '../nn/head-input.ts'
import { type AdapterPlan, methodOf, sitesOf, specsOf, statisticsOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import type { Method, TrainRow } from '../contracts/adapter.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { Latent, TargetModule } from '../contracts/network.ts'
import { openDropout, type Dropout } from '../nn/dropout.ts'
import { openTape, type PlainTape } from '../nn/js/ops.ts'
import { NotPlain, type PlainValue } from '../nn/js/value.ts'
import { padded } from './batch-input.ts'
import type { AdapterEngine, Gradients, LossOf } from './engine-adapter.ts'

/** Numbers in the base's weights: from here on a batch is cheaper on the engine. */
const MOST_WEIGHTS = 2 ** 15

export class PlainAdapter implements AdapterEngine {
  readonly #plan: AdapterPlan
  readonly #method: Method
  readonly #sites: readonly TargetModule[]
  readonly #cut: number
  readonly #nonTrainable: ReadonlySet<string>
  #parameters: Tensors = new Map()

  constructor(plan: AdapterPlan) {
    this.#plan = plan
    this.#method = methodOf(plan)
    this.#sites = sitesOf(plan)
    this.#cut = cutOf(plan.config.tail_layers, plan.base.network.layers)
    this.#nonTrainable = new Set(statisticsOf(plan).map(({ name }) => name))
  }

  load(parameters: Tensors): void {
    this.#parameters = parameters
  }

  logits(rows: readonly Latent[]): readonly Float32Array[] {
    return rowsOf(this.#forward(this.#tape(), rows), rows.length)
  }

  logitsWith(parameters: Tensors, rows: readonly Latent[]): readonly Float32Array[] {
    const all = new Map([...this.#parameters, ...parameters])
    return rowsOf(this.#forward(this.#tape(all), rows), rows.length)
  }

  gradients(rows: readonly TrainRow[], lossOf: LossOf, seed: string): Gradients {
    const tape = this.#tape(this.#parameters, openDropout(seed))
    const latents = rows.map(({ latent }) => latent)
    const output = this.#forward(tape, latents)
    const logits = rowsOf(output, rows.length)
    const { loss, gradient } = lossOf(rows, logits)
    tape.backward(output, gradient)
    const gradients = new Map<string, Float32Array>()
    for (const [name, { data }] of this.#parameters)
      if (!this.#nonTrainable.has(name))
        gradients.set(name, tape.gradientOf(name) ?? new Float32Array(data.length))
    return { loss, gradients, logits }
  }

  dispose(): void {
    this.#parameters = new Map()
  }

  #tape(parameters = this.#parameters, dropout?: Dropout): PlainTape {
    return openTape(this.#plan.base.weights, parameters, this.#nonTrainable, dropout)
  }

  #forward(tape: PlainTape, rows: readonly Latent[]): PlainValue {
    const { base, task } = this.#plan
    const { hidden, mask } = padded(rows)
    const adaptation = this.#method.adaptation(tape.ops, this.#sites, false)
    const fixed = true
    const embedding = headInput<PlainValue>(tape.ops, base.network, task.reads, {
      hidden: { ...hidden, fixed },
      mask: { ...mask, fixed },
      cut: this.#cut,
      adaptation,
    })
    return task.logits(tape.ops, embedding, base.network.unit)
  }
}

/** Small, and of operations that are here: found out by running it once. The size of the head makes no difference. */
export function isPlain(some: AdapterPlan): boolean {
  const plan = { ...some, outputs: 1 }
  const { base } = plan
  const numbers = [...base.weights.values()].reduce((sum, { data }) => sum + data.length, 0)
  if (base.inputKind !== 'features' || numbers > MOST_WEIGHTS) return false
  const width = base.network.latentWidth(0)
  const engine = new PlainAdapter(plan)
  engine.load(new Map(specsOf(plan).map(({ name, shape }) => [name, zeros(shape)])))
  try {
    engine.logits([{ positions: 1, width, data: new Float32Array(width) }])
    return true
  } catch (error) {
    if (error instanceof NotPlain) return false
    throw error
  }
}

function zeros(shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) }
}

function rowsOf({ data }: PlainValue, rows: number): readonly Float32Array[] {
  const width = data.length / rows
  return Array.from({ length: rows }, (_, row) => data.slice(row * width, (row + 1) * width))
}
