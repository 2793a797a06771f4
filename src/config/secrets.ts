/**
 * Secrets of a configuration, wherever they are: passwords that come from the environment by `password_env`, and the
 * list of all values that must not appear in a log or on a screen.
 */
import type { Path, Problem } from './problem.ts'
import { isRecord } from './schema/shape.ts'

/** Each may come from the environment: `<name>_env` names the variable. */
const FROM_ENVIRONMENT = ['password', 'access_key', 'secret_key', 'secret', 'old_secret'] as const

const SECRETS: ReadonlySet<string> = new Set([...FROM_ENVIRONMENT, 'tokens'])

/** Every `password_env` adds a `password` beside it, and so on. */
export function withPasswords<Value>(
  value: Value,
  environment: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
  path: Path = [],
): Value {
  if (Array.isArray(value))
    return value.map((item: unknown, index) =>
      withPasswords(item, environment, problems, [...path, index]),
    ) as Value
  if (!isRecord(value)) return value
  const inner = Object.entries(value).map(([key, item]) => [
    key,
    withPasswords(item, environment, problems, [...path, key]),
  ])
  const copy = Object.fromEntries(inner) as Readonly<Record<string, unknown>>
  return FROM_ENVIRONMENT.reduce(
    (fields, name) => withSecret(fields, name, { environment, problems, path }),
    copy,
  ) as Value
}

interface Looking {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly problems: Problem[]
  readonly path: Path
}

function withSecret(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  { environment, problems, path }: Looking,
): Readonly<Record<string, unknown>> {
  const key = `${name}_env`
  const variable = fields[key]
  if (typeof variable !== 'string') return fields
  const report = (message: string) => problems.push({ path: [...path, key], at: 'value', message })
  if (fields[name] !== undefined) report(`and ${name}: give only one of them`)
  const secret = environment[variable]
  if (secret === undefined || secret === '') report('names a variable that is not set')
  return { ...fields, [name]: secret }
}

/** The reverse, to write it down: a secret that a variable gives is again only named. */
export function asNamed<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => asNamed(item)) as Value
  if (!isRecord(value)) return value
  const given: ReadonlySet<string> = new Set(
    FROM_ENVIRONMENT.filter((name) => value[`${name}_env`] !== undefined),
  )
  const kept = Object.entries(value).filter(([key]) => !given.has(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, asNamed(item)])) as Value
}

/** To be masked in the log. */
export function secretsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return passwordsInUrl(value)
  if (Array.isArray(value)) return value.flatMap(secretsOf)
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([key, item]) =>
    SECRETS.has(key) ? [item].flat().filter((each) => typeof each === 'string') : secretsOf(item),
  )
}

/** Both as written and as decoded. */
function passwordsInUrl(text: string): readonly string[] {
  if (!text.includes('@') || !URL.canParse(text)) return []
  const { password } = new URL(text)
  return password === '' ? [] : [password, decoded(password) ?? password]
}

/** A part of a URL without its percent signs; undefined if one of them begins no character. */
export function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** The same for display, with its secrets masked. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value === 'string')
    return passwordsInUrl(value).reduce((shown, secret) => shown.replaceAll(secret, '***'), value)
  if (!isRecord(value)) return value
  const shown = Object.entries(value).map(([key, item]) => [
    key,
    SECRETS.has(key) ? '***' : withoutSecrets(item),
  ])
  return Object.fromEntries(shown) as unknown
}
