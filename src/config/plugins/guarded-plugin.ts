/** Wraps a user's plug-in: if `open` throws or returns a wrong shape, the result is a coded error that names the module. */
import { CodedError, type Clock } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Task } from '../../contracts/task.ts'
import { guardedBase, guardedTask } from './guarded-parts.ts'
import type { Source } from '../../contracts/source.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import { guardedPolicy } from './guarded-policy.ts'
import { guardedSource } from './guarded-source.ts'
import { missingMember } from './plugin-kinds.ts'
import type { OwnPlugin } from './plugin-shape.ts'

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
