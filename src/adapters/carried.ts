/** Whether what an adapter learned on an earlier base is of use on the present one, and what becomes of it there. */
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Base, BaseIdentity, Succession } from '../contracts/network.ts'
import { methodOf, sitesOf } from './adapter.ts'

export interface CarriedPlan {
  readonly base: Base
  readonly method: MethodPlugin
  readonly config: AdapterConfig
}

export interface GoingOn {
  readonly succession: Succession
  /** Whether the adapter's own tensors go on, and not the examples alone. */
  readonly isCarried: boolean
}

export function goingOn(plan: CarriedPlan, before: BaseIdentity): GoingOn | undefined {
  const succession = plan.base.successionFrom?.(before)
  return succession && { succession, isCarried: carriedOver(plan, before) !== undefined }
}

/**
 * Undefined on the same base, and where the tensors do not go on: when frozen weights are others now and the adapter has
 * none of its own in their place, and where sums or kept embeddings of the earlier base are part of it.
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
