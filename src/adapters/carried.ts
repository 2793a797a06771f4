/** Whether an adapter from an earlier base is usable on the present one, and how to convert it. */
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Base, BaseIdentity, Succession } from '../contracts/base.ts'
import { methodOf, sitesOf } from './adapter.ts'

export interface CarriedPlan {
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
