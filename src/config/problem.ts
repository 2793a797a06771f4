/** A problem at one place of a configuration, and how several of them become one coded error. */
import { failure } from '../platform/errors.ts'
import type { CodedError } from '../contracts/core.ts'

export type Path = readonly (string | number)[]

/** The codes for a broken module of the user's own. */
export type PluginCode = 'PLUGIN_MISSING' | 'PLUGIN_BROKEN' | 'PLUGIN_INVALID' | 'PLUGIN_NAME_TAKEN'

export interface Problem {
  readonly path: Path
  /** Whether the key itself is wrong, or its value. */
  readonly at: 'key' | 'value'
  /** A clause that follows the place, such as `must be at least 1`. */
  readonly message: string
  readonly code?:
    | 'CONFIG_UNKNOWN_KEY'
    | 'CONFIG_INVALID'
    | 'ADDRESS_NEEDS_AUTH'
    | 'TASK_WITHOUT_CLASSES'
    | PluginCode
}

/** RFC 6901: the standard notation for a place inside a JSON document. */
function pointerOf(path: Path): string {
  const escaped = path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'))
  return escaped.map((part) => `/${part}`).join('')
}

/** `placeOf` gives the place of a problem, e.g. `antikythera.yaml:7:5`, or the name of a variable. */
export function configFailure(
  problems: readonly Problem[],
  placeOf: (problem: Problem) => string,
): CodedError {
  const told = problems.map((problem) => ({
    place: placeOf(problem),
    pointer: pointerOf(problem.path),
    message: problem.message,
  }))
  const lines = told.map(({ place, pointer, message }) => `${place}: ${pointer || '/'} ${message}`)
  return failure(problems[0]?.code ?? 'CONFIG_INVALID', lines.join('\n'), {
    details: { problems: told },
  })
}
