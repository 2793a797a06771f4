/**
 * A policy of a user's own as the daemon calls it: what it throws, and a decision of the wrong shape, names the
 * module. It ends the work on its model, which is then shown as failed, and no other model.
 */
import { PluginFault, failure } from '../../platform/errors.ts'
import type { OwnPlugin } from './plugin-shape.ts'

type Method = (...given: readonly unknown[]) => unknown

/** Members that answer with a decision. */
const decisions: Readonly<Record<string, readonly string[]>> = {
  'policy.promotion': ['decide'],
  'policy.rollback': ['decide'],
  'policy.trigger': ['observe'],
}

export function guardedPolicy(
  opened: object,
  { kind, name }: Pick<OwnPlugin, 'kind' | 'name'>,
  path: string,
): object {
  const wrapped = new Map<unknown, unknown>()
  const broken = (member: string, why: string, cause?: unknown) =>
    new PluginFault(
      failure('PLUGIN_BROKEN', `${path}: ${member} of ${name} ${why}`, {
        details: { path, kind, name, member },
        cause,
      }),
    )
  const guarded = (member: string, method: Method) => {
    const isDecision = decisions[kind]?.includes(member) === true
    return (...given: readonly unknown[]): unknown => {
      let answer: unknown
      try {
        answer = method.apply(opened, [...given])
      } catch (cause) {
        if (cause instanceof PluginFault) throw cause
        throw broken(
          member,
          `failed: ${cause instanceof Error ? cause.message : String(cause)}`,
          cause,
        )
      }
      if (isDecision && !isDecided(answer)) throw broken(member, 'answers no { verdict, reason }')
      return answer
    }
  }
  const memberOf = (key: PropertyKey): unknown => {
    const member: unknown = Reflect.get(opened, key)
    if (typeof member !== 'function') return member
    if (!wrapped.has(member)) wrapped.set(member, guarded(String(key), member as Method))
    return wrapped.get(member)
  }
  // Not over the policy itself: one that is frozen would let no other function stand in its place.
  return new Proxy(Object.create(null) as object, {
    has: (_, key) => key in opened,
    get: (_, key) => memberOf(key),
    ownKeys: () => Reflect.ownKeys(opened),
    getOwnPropertyDescriptor(_, key) {
      const own = Reflect.getOwnPropertyDescriptor(opened, key)
      return (
        own && { value: memberOf(key), enumerable: own.enumerable === true, configurable: true }
      )
    },
  })
}

function isDecided(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) return false
  const { verdict, reason } = answer as Readonly<Record<string, unknown>>
  return typeof verdict === 'string' && typeof reason === 'string'
}
