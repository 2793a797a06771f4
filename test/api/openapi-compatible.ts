/** What a client of a described API can no longer do: additions are allowed, removals and new demands are not. */

export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content }
  readonly responses?: Readonly<Record<string, { readonly content?: Content }>>
}

interface Parameter {
  readonly in: string
  readonly name: string
  readonly required?: boolean
  readonly schema?: Schema
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>

export interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: boolean | Schema
}

/** What clients send may not be asked for more; what they read may not hold less. */
type Direction = 'sent' | 'read'

export function incompatibilities(before: Description, now: Description): readonly string[] {
  return entries(before.paths).flatMap(([path, operations]) =>
    entries(operations).flatMap(([method, operation]) => {
      const found = now.paths[path]?.[method]
      const at = `${method} ${path}`
      return found === undefined ? [`${at}: gone`] : inOperation(at, operation, found)
    }),
  )
}

function inOperation(at: string, before: Operation, now: Operation): readonly string[] {
  return [
    ...inParameters(at, before.parameters ?? [], now.parameters ?? []),
    ...inContent(`${at} body`, before.requestBody?.content, now.requestBody?.content, 'sent'),
    ...entries(before.responses ?? {}).flatMap(([status, { content }]) => {
      const found = now.responses?.[status]
      if (found === undefined) return [`${at} ${status}: gone`]
      return inContent(`${at} ${status}`, content, found.content, 'read')
    }),
  ]
}

function inParameters(at: string, before: readonly Parameter[], now: readonly Parameter[]) {
  const keyOf = (parameter: Parameter) => `${parameter.in} ${parameter.name}`
  const known = new Map(before.map((parameter) => [keyOf(parameter), parameter]))
  const gone = [...known.keys()].filter((key) => !now.some((each) => keyOf(each) === key))
  return [
    ...gone.map((key) => `${at} ${key}: gone`),
    ...now.flatMap((parameter) => {
      const key = keyOf(parameter)
      const old = known.get(key)
      const asks = parameter.required === true && old?.required !== true
      const inside = old?.schema
        ? inSchema(`${at} ${key}`, old.schema, parameter.schema, 'sent')
        : []
      return [...(asks ? [`${at} ${key}: required now`] : []), ...inside]
    }),
  ]
}

function inContent(
  at: string,
  before: Content = {},
  now: Content = {},
  direction: Direction,
): readonly string[] {
  return entries(before).flatMap(([type, { schema }]) => {
    const found = now[type]
    if (found === undefined) return [`${at} ${type}: gone`]
    return schema === undefined ? [] : inSchema(`${at} ${type}`, schema, found.schema, direction)
  })
}

export function inSchema(
  at: string,
  before: Schema,
  now: Schema | undefined,
  direction: Direction,
): readonly string[] {
  if (now === undefined) return [`${at}: its schema is gone`]
  if (before.anyOf !== undefined) return inChoices(at, before.anyOf, now.anyOf ?? [now], direction)
  // What clients send today is one of several choices.
  if (direction === 'sent' && now.anyOf !== undefined)
    return inChoices(at, [before], now.anyOf, direction)
  const typed = before.type === now.type ? [] : [`${at}: was ${before.type}, is ${now.type}`]
  const closed =
    direction === 'sent' &&
    before.additionalProperties !== false &&
    now.additionalProperties === false
  const inside = entries(before.properties ?? {}).flatMap(([name, schema]) => {
    const found = now.properties?.[name]
    return found === undefined
      ? [`${at}.${name}: gone`]
      : inSchema(`${at}.${name}`, schema, found, direction)
  })
  const items = before.items ? inSchema(`${at}[]`, before.items, now.items, direction) : []
  const isClosed = closed ? [`${at}: takes no other properties now`] : []
  return [...typed, ...isClosed, ...inRequired(at, before, now, direction), ...inside, ...items]
}

function inRequired(at: string, before: Schema, now: Schema, direction: Direction) {
  const [from, to] = direction === 'sent' ? [now, before] : [before, now]
  const names = (from.required ?? []).filter((name) => to.required?.includes(name) !== true)
  const what = direction === 'sent' ? 'required now' : 'may be absent now'
  return names.map((name) => `${at}.${name}: ${what}`)
}

/** Each old choice is still one. */
function inChoices(
  at: string,
  before: readonly Schema[],
  now: readonly Schema[],
  direction: Direction,
): readonly string[] {
  return before.flatMap((choice, index) => {
    const fits = now.some((each) => inSchema(at, choice, each, direction).length === 0)
    return fits ? [] : [`${at}: its choice ${index + 1} is gone`]
  })
}

const entries = <Value>(object: Readonly<Record<string, Value>>) => Object.entries(object)
