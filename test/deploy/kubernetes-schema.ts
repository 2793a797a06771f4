/**
 * Kubernetes' own schemas over an object. The compiled validators let unknown fields pass, as the cluster's API does not;
 * so they are shown the object through a proxy that notes what they ask for, and what nobody asked for is unknown.
 */
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Namespace, Secret, Service, ServiceAccount } from 'kubernetes-models/v1'

interface Kind {
  readonly apiVersion: string
  readonly kind: string
  readonly prototype: { validate(): void }
}

const kinds: readonly Kind[] = [
  Deployment,
  StatefulSet,
  HorizontalPodAutoscaler,
  NetworkPolicy,
  PodDisruptionBudget,
  ConfigMap,
  Namespace,
  Secret,
  Service,
  ServiceAccount,
]

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly spec?: unknown
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

type Seen = Map<string, Set<string>>

export function schemaFaults(object: KubernetesObject): readonly string[] {
  const { apiVersion, kind } = object
  const known = kinds.find((each) => each.apiVersion === apiVersion && each.kind === kind)
  if (known === undefined) return [`unknown kind ${apiVersion}/${kind}`]
  const seen: Seen = new Map()
  try {
    // Its constructor would copy the object, and so ask for everything.
    Reflect.apply(known.prototype.validate, watched(object, '', seen), [])
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
  return unseen(object, '', seen)
}

function watched(value: unknown, path: string, seen: Seen): unknown {
  if (typeof value !== 'object' || value === null) return value
  const asked = seen.get(path) ?? new Set<string>()
  seen.set(path, asked)
  return new Proxy(value, {
    get(target, key) {
      const inner = Reflect.get(target, key) as unknown
      if (typeof key !== 'string' || !Object.hasOwn(target, key)) return inner
      asked.add(key)
      return watched(inner, `${path}/${key}`, seen)
    },
    // Whoever lists the keys takes all of them: labels, annotations.
    ownKeys(target) {
      for (const key of Object.keys(target)) asked.add(key)
      return Reflect.ownKeys(target)
    },
  })
}

function unseen(value: unknown, path: string, seen: Seen): string[] {
  if (typeof value !== 'object' || value === null) return []
  const isList = Array.isArray(value)
  const asked = seen.get(path)
  return Object.entries(value).flatMap(([key, inner]) =>
    isList || asked?.has(key) === true
      ? unseen(inner, `${path}/${key}`, seen)
      : [`${path}/${key} is unknown`],
  )
}
