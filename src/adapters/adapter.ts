/**
 * The parts of an adapter: the method's tensors at its target modules, the base's statistics, and the task's head. A
 * fresh one leaves the base's output unchanged, because every method starts its addition at zero.
 */
import type { AdapterConfig, Method, MethodPlugin } from '../contracts/adapter.ts'
import type { Base, BaseIdentity, Succession } from '../contracts/base.ts'
import type { TargetModule } from '../contracts/network.ts'
import type { ParameterSpec } from '../contracts/ops.ts'
import type { Random, Tensor, Tensors } from '../contracts/core.ts'
import type { TaskHead } from '../contracts/task.ts'
import { type ErrorCode, failure, invariant } from '../platform/errors.ts'
import { comparedBase, memorySpecs, type MemoryPlan } from '../nn/memory.ts'
import { reachedSites } from '../nn/head-input.ts'
import { lessonSpecs } from '../nn/lessons.ts'
import { adoptedMixture, mixtureSpecs } from '../nn/mixture.ts'
import { orthonormal } from './orthonormal.ts'
import { cutOf } from './target-modules.ts'

/** Everything that determines which tensors an adapter has. */
export interface AdapterPlan {
  readonly base: Base
  readonly method: MethodPlugin
  readonly task: TaskHead
  readonly config: AdapterConfig
  /** The number of outputs of the head. */
  readonly outputs: number
  readonly memory?: MemoryPlan | undefined
}

/** The method with its settings. */
export function methodOf({ method, config }: Pick<AdapterPlan, 'method' | 'config'>): Method {
  return method.open(config)
}

/** All target modules of the tail, including those that the config does not adapt. */
export function sitesOf({
  base,
  config,
  task,
}: Pick<AdapterPlan, 'base' | 'config'> &
  Partial<Pick<AdapterPlan, 'task'>>): readonly TargetModule[] {
  return reachedSites(base.network, cutOf(config.tail_layers, base.network.layers), task?.reads)
}

/** The method's tensors, the base's statistics, then those of the head and of kNN memory. */
export function specsOf(plan: AdapterPlan): readonly ParameterSpec[] {
  return [
    ...methodOf(plan).parameters(sitesOf(plan)),
    ...statisticsOf(plan),
    ...plan.task.parameters(plan.base.network.width, plan.outputs),
    ...memoryOf(plan),
  ]
}

function memoryOf({ memory, outputs }: AdapterPlan): readonly ParameterSpec[] {
  if (memory === undefined) return []
  if (memory.texts !== undefined) return lessonSpecs(memory.texts)
  return (memory.mixture === true ? mixtureSpecs : memorySpecs)(memory, outputs)
}

/** `shape`: the memory of a version; `published`: its base, whatever view the method has of it. */
export function memoryPlanOf(
  { slots, mixture, leaves, texts, at_cut }: Omit<MemoryPlan, 'base'> & { readonly at_cut?: true },
  published: Base,
  { tail_layers }: Pick<AdapterConfig, 'tail_layers'>,
): MemoryPlan {
  const cut = cutOf(tail_layers, published.network.layers)
  const base = comparedBase(published, cut, at_cut)
  return { base, slots, mixture, leaves, texts, isAtCut: at_cut }
}

const SUMS = 'sums/'

/** Tensors of a version that no answer needs: the sums that its head was solved from, for a model that is merged from them. */
export function isOfSums(name: string): boolean {
  return name.startsWith(SUMS)
}

export function withSums(parameters: Tensors, sums: Tensors): Tensors {
  return new Map([...parameters, ...[...sums].map(([name, each]) => [SUMS + name, each] as const)])
}

/** The parameters that answer, and the sums under their own names. */
export function withoutSums(parameters: Tensors): {
  readonly own: Tensors
  readonly sums: Tensors
} {
  const all = [...parameters]
  const sums = all.filter(([name]) => isOfSums(name))
  return {
    own: new Map(all.filter(([name]) => !isOfSums(name))),
    sums: new Map(sums.map(([name, tensor]) => [name.slice(SUMS.length), tensor])),
  }
}

/** Not changed by any training step: the base and the task update it. */
export function statisticsOf({
  base,
  task,
}: Pick<AdapterPlan, 'base' | 'task'>): readonly ParameterSpec[] {
  return [...(base.statistics?.parameters ?? []), ...(task.statistics?.parameters ?? [])]
}

/** Tensors of an earlier release, with statistics and experts in the present form. */
export function adopted({ base, task }: Pick<AdapterPlan, 'base' | 'task'>, tensors: Tensors) {
  const present = adoptedMixture(base, tensors)
  const own = base.statistics?.adopt?.(present) ?? present
  return task.statistics?.adopt?.(own) ?? own
}

/** Drawn in the order of `specsOf`. */
export function freshAdapter(plan: AdapterPlan, random: Random): Tensors {
  const drawn = new Map<string, Tensor>()
  for (const spec of specsOf(plan))
    drawn.set(spec.name, freshTensor(spec, random, { weights: plan.base.weights, drawn }))
  return drawn
}

/** Refuses tensors that are missing, superfluous, of another shape or not finite. */
export function checkTensors(
  specs: readonly ParameterSpec[],
  tensors: Tensors,
  code: ErrorCode = 'ADAPTER_TENSORS',
): void {
  const refuse = (tensor: string, problem: string) =>
    failure(code, `${tensor} ${problem}`, { details: { tensor } })
  for (const { name, shape } of specs) {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw refuse(name, 'is missing')
    if (tensor.shape.join() !== shape.join())
      throw refuse(name, `has the shape [${tensor.shape.join()}] instead of [${shape.join()}]`)
    if (!areFinite(tensor.data)) throw refuse(name, 'holds a number that is not finite')
  }
  const known = new Set(specs.map(({ name }) => name))
  for (const name of tensors.keys())
    if (!known.has(name)) throw refuse(name, 'is not part of this adapter')
}

/**
 * A finite number times 0 is 0; any other gives NaN, which persists. Every step and every swap waits for this: in four sums, which do
 * not wait for each other; `every` takes many times as long.
 */
export function areFinite(data: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]
  const whole = data.length - (data.length % 4)
  for (let at = 0; at < whole; at += 4) {
    a += (data[at] ?? 0) * 0
    b += (data[at + 1] ?? 0) * 0
    c += (data[at + 2] ?? 0) * 0
    d += (data[at + 3] ?? 0) * 0
  }
  for (let at = whole; at < data.length; at += 1) a += (data[at] ?? 0) * 0
  return a + b + c + d === 0
}

function freshTensor({ shape, start }: ParameterSpec, random: Random, before: Before): Tensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
  const normal = (deviation: number) => {
    for (let at = 0; at < data.length; at += 1) data[at] = random.normal() * deviation
    return { shape, data }
  }
  if (start === 'ones') data.fill(1)
  if (start === 'orthonormal') return orthonormal(normal(1))
  if (typeof start === 'string') return { shape, data }
  if ('normal' in start) return normal(start.normal)
  const [named, name] =
    'weight' in start ? [before.weights, start.weight] : [before.drawn, start.like]
  data.set(namedTensor(named, name, shape).data)
  return { shape, data }
}

/** The tensors that a tensor may be a copy of. */
interface Before {
  readonly weights: Tensors
  readonly drawn: Tensors
}

function namedTensor(named: Tensors, name: string, shape: readonly number[]): Tensor {
  const tensor = named.get(name)
  invariant(tensor?.shape.join() === shape.join(), `there is no ${name} of [${shape.join()}]`)
  return tensor
}

/**
 * Whether an adapter from an earlier base is usable on the present one, and how to convert it.
 */
interface CarriedPlan {
  readonly base: Base
  readonly method: MethodPlugin
  readonly config: AdapterConfig
}

export interface Continuation {
  readonly succession: Succession
  /** Whether the adapter's own tensors carry over, and not only the examples. */
  readonly isCarried: boolean
}

export function goingOn(plan: CarriedPlan, before: BaseIdentity): Continuation | undefined {
  const succession = plan.base.successionFrom?.(before)
  return succession && { succession, isCarried: carriedOver(plan, before) !== undefined }
}

/**
 * Undefined on the same base, and when the tensors do not carry over: if frozen weights have changed and the adapter
 * does not replace them, or if sums or stored embeddings of the earlier base are part of it.
 */
export function carriedOver(plan: CarriedPlan, before: BaseIdentity): Succession | undefined {
  const { base } = plan
  const method = methodOf(plan)
  if (before.hash === base.hash) return undefined
  const succession = base.successionFrom?.(before)
  if (succession === undefined || method.closedForm !== undefined) return undefined
  const own = method.parameters(sitesOf(plan)).map(({ start }) => start)
  const holds = (name: string) =>
    own.some((start) => typeof start === 'object' && 'weight' in start && start.weight === name)
  return succession.replaced.every(holds) ? succession : undefined
}
