/** A problem at one place of a configuration, and how several of them become one coded error. */
import { failure } from '../platform/errors.ts'
import type { CodedError } from '../contracts/core.ts'

export type Path = readonly (string | number)[]

/** The codes for a broken module of the user's own. */
export type PluginCode = 'PLUGIN_MISSING' | 'PLUGIN_BROKEN' | 'PLUGIN_INVALID' | 'PLUGIN_NAME_TAKEN'

/** The message of a required key that is absent. */
export const MISSING = 'is missing'

export interface Problem {
  readonly path: Path
  /** Whether the key itself is wrong, or its value. */
  readonly at: 'key' | 'value'
  /** A clause that follows the place, such as `must be at least 1`. */
  readonly message: string
  /** The key or value that was probably meant. */
  readonly meant?: string
  /** The default of the key. */
  readonly usual?: unknown
  readonly code?:
    | 'CONFIG_UNKNOWN_KEY'
    | 'CONFIG_INVALID'
    | 'ADDRESS_NEEDS_AUTH'
    | 'TASK_WITHOUT_CLASSES'
    | 'SHARDS_NEED_SUMS'
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
  const [first] = problems
  return failure(first?.code ?? 'CONFIG_INVALID', lines.join('\n'), {
    details: { problems: told },
    ...fixOf(first, problems.length - 1),
  })
}

/** Codes whose entry in the table of errors says what to do for each of their faults. */
const fixedByCode: ReadonlySet<string> = new Set<Problem['code'] & string>([
  'ADDRESS_NEEDS_AUTH',
  'TASK_WITHOUT_CLASSES',
  'SHARDS_NEED_SUMS',
  'PLUGIN_MISSING',
  'PLUGIN_BROKEN',
  'PLUGIN_INVALID',
  'PLUGIN_NAME_TAKEN',
])

function fixOf(problem: Problem | undefined, others: number): { readonly fix?: string } {
  if (problem === undefined || fixedByCode.has(problem.code ?? '')) return {}
  const rest = others > 0 ? `; then the other ${others === 1 ? 'one' : others}` : ''
  return { fix: `${correctionOf(problem)}${rest}` }
}

function correctionOf({ path, at, message, code, meant, usual }: Problem): string {
  const name = path.join('.') || 'the file'
  if (code === 'CONFIG_UNKNOWN_KEY')
    return meant === undefined ? `remove ${name}` : `write ${meant} instead of ${name}`
  if (meant !== undefined) return `write ${meant} at ${name}`
  if (at === 'key' && message === MISSING) return `add ${name}`
  const scalar = ['string', 'number', 'boolean'].includes(typeof usual)
  return scalar
    ? `correct ${name}, or leave it out: its default is ${JSON.stringify(usual)}`
    : `correct ${name}; \`antikythera config check\` checks it again`
}
