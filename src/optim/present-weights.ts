/**
 * The weights under training, together with the engine that computes with them. On the plain engine they lie in the
 * memory of its kernels and a step changes them in place, unless something besides the gradient moves them; otherwise
 * each step makes new ones, in the memory of those before the last where nothing else keeps them.
 */
import { type AdapterPlan, methodOf } from '../adapters/adapter.ts'
import type { Hyperparameters, Method } from '../contracts/adapter.ts'
import type { Tensors } from '../contracts/core.ts'
import type { Regularizer } from '../contracts/policy.ts'
import { type AdapterEngine, EngineAdapter, type Gradients } from './engines/engine-adapter.ts'
import { KernelWeights } from './engines/kernel-weights.ts'
import { globalNorm, type Optimizer } from './optimizer.ts'
import { isPlain, PlainAdapter } from './engines/plain-adapter.ts'
import { averaged, type RateFactors, retracted, stepped, type Weights } from './weights.ts'

type PresentWeightsParts = ConstructorParameters<typeof EngineAdapter>[0] &
  AdapterPlan & {
    readonly hyperparameters: Hyperparameters
    readonly regularizer: Regularizer
  }

export class PresentWeights {
  readonly engine: AdapterEngine
  readonly #hyperparameters: Hyperparameters
  readonly #method: Method
  readonly #optimizer: Optimizer
  readonly #inPlace: { readonly weights: KernelWeights; readonly engine: PlainAdapter } | undefined
  /** Used if steps are not made in place. */
  #held: Weights = { parameters: new Map(), slots: new Map(), steps: 0 }
  /** Whether nothing else keeps weights of earlier steps: regularizers do. */
  readonly #reuses: boolean
  /** The weights before the last step, with room for the next ones. */
  #spare: Weights | undefined
  #statistics: Tensors = new Map()

  constructor(parts: PresentWeightsParts, optimizer: Optimizer) {
    this.#hyperparameters = parts.hyperparameters
    this.#method = methodOf(parts)
    this.#optimizer = optimizer
    const isGradientOnly = parts.regularizer.addsNothing === true && !this.#method.retract
    this.#reuses = isGradientOnly
    const weights = isGradientOnly ? new KernelWeights(optimizer, parts.hyperparameters) : undefined
    const plain = isPlain(parts) ? new PlainAdapter(parts, weights) : undefined
    this.#inPlace = plain && weights && { weights, engine: plain }
    this.engine = plain ?? new EngineAdapter(parts)
  }

  get isInPlace(): boolean {
    return this.#inPlace !== undefined
  }

  get present(): Weights {
    return this.#inPlace?.weights.weights ?? this.#held
  }

  get steps(): number {
    return this.#inPlace?.weights.steps ?? this.#held.steps
  }

  /** The statistics of base and task, which steps do not move. */
  get statistics(): Tensors {
    return this.#statistics
  }

  get all(): Tensors {
    return new Map([...this.present.parameters, ...this.#statistics])
  }

  /** The average that the optimizer keeps; undefined if it keeps none. */
  averaged(): Tensors | undefined {
    const mean = averaged(this.present, this.#optimizer)
    return mean && (this.#method.retract?.(mean) ?? mean)
  }

  use(weights: Weights, statistics = this.#statistics): void {
    this.#statistics = statistics
    this.#spare = undefined
    if (this.#inPlace === undefined) this.#held = weights
    else if (this.#inPlace.weights.load(weights)) this.#inPlace.engine.moved()
    this.#load()
  }

  useStatistics(statistics: Tensors): void {
    this.#statistics = statistics
    this.#load()
  }

  norm(gradients: Gradients['gradients']): number {
    return this.#inPlace?.weights.norm(gradients) ?? globalNorm(gradients.values())
  }

  /** One step. Returns whether every number is finite; if not, nothing moves. `norm`: of the gradients. */
  move(gradients: Gradients['gradients'], norm: number, factors: RateFactors): boolean {
    if (!Number.isFinite(norm)) return false
    if (this.#inPlace !== undefined) return this.#inPlace.weights.step(norm, factors)
    const by = { ...this.#hyperparameters, ...factors }
    const before = this.#held
    const free = stepped(before, this.#optimizer, gradients, norm, by, this.#spare)
    if (free === undefined) return false
    this.use(retracted(free, this.#optimizer, this.#method))
    if (this.#reuses) this.#spare = before
    return true
  }

  dispose(): void {
    this.engine.dispose()
    this.#inPlace?.weights.close()
  }

  #load(): void {
    this.engine.load(this.#inPlace === undefined ? this.all : this.#statistics)
  }
}
