/** Wraps a user's plug-in: if `open` throws or returns a wrong shape, the result is a coded error that names the module. */
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { Task } from '../../contracts/task.ts'
import type { Source } from '../../contracts/source.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure, PluginFault } from '../../platform/errors.ts'
import type { InputKind, SignalKind } from '../../contracts/payload.ts'
import { refuse } from '../../payloads/reading.ts'
import { guardedSource } from './guarded-source.ts'
import { type OwnPlugin, missingMember } from './plugin-shape.ts'

/**
 * A policy of a user's own as the daemon calls it: what it throws, and a decision of the wrong shape, names the
 * module. It ends the work on its model, which is then shown as failed, and no other model.
 */
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

export function guarded(plugin: OwnPlugin, path: string): object {
  const { kind, name } = plugin
  const broken = (cause: unknown): CodedError => {
    if (cause instanceof CodedError) return cause
    const why = cause instanceof Error ? cause.message : String(cause)
    return failure('PLUGIN_BROKEN', `${path}: opening ${name} failed: ${why}`, {
      details: { path, kind, name },
      cause,
    })
  }
  const checked = (opened: unknown, clock: Clock): unknown => {
    const missing = missingMember(kind, opened)
    if (missing === undefined) {
      if (kind === 'source') return guardedSource(opened as Source, clock)
      if (kind === 'base') return guardedBase(opened as Base)
      if (kind === 'task') return guardedTask(opened as Task)
      return kind.startsWith('policy.') ? guardedPolicy(opened as object, plugin, path) : opened
    }
    throw failure('PLUGIN_INVALID', `${path}: what ${name} opens has no ${missing}`, {
      details: { path, kind, name, missing },
    })
  }
  return {
    ...plugin,
    // What a version's manifest calls its task; the kind of the plug-in is known by its table.
    ...(kind === 'task' && { kind: name, keys: [] }),
    open(...given: Parameters<OwnPlugin['open']>): unknown {
      const [, context = {}] = given as readonly unknown[]
      const { clock = systemClock } = context as { readonly clock?: Clock }
      try {
        const opened = plugin.open(...given)
        return opened instanceof Promise
          ? opened
              .then((each) => checked(each, clock))
              .catch((cause: unknown) => {
                throw broken(cause)
              })
          : checked(opened, clock)
      } catch (cause) {
        throw broken(cause)
      }
    },
  }
}

/**
 * A base or a task of a user's own as the daemon calls it: what it throws for an input, or for the content of an event,
 * becomes a coded error. Then the request or the event is refused, as by a built-in one, and nothing stops.
 */
function guardedBase(base: Base): Base {
  return {
    ...base,
    reads: base.reads.map(guardedKind),
    encode: (input, maxTokens) => refusing('', () => base.encode(input, maxTokens)),
    ...(base.prepare && {
      async prepare(input: Input, maxTokens: number, signal?: AbortSignal) {
        try {
          await base.prepare?.(input, maxTokens, signal)
        } catch (error) {
          if (signal?.aborted === true) throw error
          refusing('', () => {
            throw error
          })
        }
      },
    }),
    ...(base.parts && { parts: (input: Input) => refusing('', () => base.parts?.(input) ?? []) }),
    ...(base.offsets && {
      offsets: (input: Input, row: EncodedRow) => refusing('', () => base.offsets?.(input, row)),
    }),
  }
}

function guardedTask(task: Task): Task {
  return {
    ...task,
    view: { ...task.view, signals: task.view.signals.map(guardedKind) },
    admit: (signal, input) => {
      refusing('', () => {
        task.admit(signal, input)
      })
    },
    target: (...said) => refusing('', () => task.target(...said)),
    ...(task.placed && {
      placed: (target, of) => refusing('', () => task.placed?.(target, of) ?? target),
    }),
  }
}

function guardedKind<Kind extends InputKind | SignalKind>(kind: Kind): Kind {
  return {
    ...kind,
    read: (...[value, limits, pointer, word]: Parameters<SignalKind['read']>) =>
      refusing(pointer, () => kind.read(value, limits, pointer, word)),
  }
}

function refusing<Result>(pointer: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodedError) throw error
    throw refuse('EVENT_INVALID', pointer, error instanceof Error ? error.message : String(error))
  }
}
