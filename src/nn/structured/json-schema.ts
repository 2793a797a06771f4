/**
 * The texts that a JSON Schema allows, as an expression: compact JSON with at most one space behind a comma or colon, and the properties
 * of an object in the order of the schema. What the expression cannot hold to is refused by its word and place, before a token
 * is written.
 */
import type { Json } from '../../contracts/core.ts'
import { isObject, schemaNotes, type JsonObject } from '../../payloads/reading.ts'
import type { Expressions, Expression } from './expressions.ts'

/** The word of a schema that is not supported, with its place. */
export class SchemaUnsupported extends Error {}

/** Numbers keep to as many digits as a float64 separates. */
const [MOST_DIGITS, MOST_EXPONENT_DIGITS] = [15, 2] as const
/** Of one schema: some ten milliseconds, on the event loop of a server. */
const MOST_WORK = 20_000
/** A range of integers is the list of them. */
const MOST_INTEGERS = 1000

const WORDS: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  integer: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  number: [],
  boolean: [],
  null: [],
}

const PROPERTIES = ['properties', 'additionalProperties']

/** What bounds a text. */
export interface TextBounds {
  /** A JSON Schema. */
  readonly schema: Json
  /** Or a text that does not begin with a brace. */
  readonly orText?: boolean
}

/** Throws `SchemaUnsupported`. */
export function boundExpression(of: Expressions, { schema, orText }: TextBounds): Expression {
  const start = schemaExpression(of, schema)
  if (orText !== true) return start
  const brace = 0x7b
  const first = of.byte([0, brace - 1], [brace + 1, 0xff])
  return of.either(
    start,
    of.optional(of.sequence(first, of.repeat(of.byte([0, 0xff]), 0, Infinity))),
  )
}

/** Throws `SchemaUnsupported`. */
export function schemaExpression(of: Expressions, schema: Json): Expression {
  return new SchemaReader(of, schema).read(schema, '#')
}

class SchemaReader {
  readonly #of: Expressions
  readonly #root: Json
  readonly #character: Expression
  /** References that lead to each other without a byte between them. */
  readonly #open = new Set<string>()
  readonly #checked = new Set<string>()

  constructor(of: Expressions, root: Json) {
    this.#of = of
    this.#root = root
    this.#character = character(of)
  }

  read(schema: Json, at: string): Expression {
    if (this.#of.work > MOST_WORK) throw unsupported(at, 'the schema is too large up to here')
    if (schema === true) return this.#anyValue()
    if (!isObject(schema)) throw unsupported(at, 'it is not an object')
    const { $ref, allOf, anyOf, enum: listed, const: only, type } = schema
    // It moves the root that the references below it count from.
    if (at !== '#' && schema.$id !== undefined)
      throw unsupported(`${at}/$id`, 'it may stand at the root')
    if (typeof $ref === 'string') return this.#referred($ref, schema, at)
    if (allOf !== undefined) return this.#allOf(schema, at)
    if (anyOf !== undefined) {
      refuseOthers(schema, ['anyOf'], at)
      const options = listAt(anyOf, `${at}/anyOf`)
      if (options.length === 0) throw unsupported(`${at}/anyOf`, 'it has no schema')
      return this.#of.either(
        ...options.map((each, index) => this.read(each, `${at}/anyOf/${index}`)),
      )
    }
    if (listed !== undefined || only !== undefined) return this.#listed(schema, at)
    if (type === undefined) {
      refuseOthers(schema, [], at)
      return this.#anyValue()
    }
    const known = typesIn(type, at)
    refuseOthers(schema, ['type', ...known.flatMap((each) => WORDS[each] ?? [])], at)
    // Words that bound an integer bound every number.
    if (known.includes('number')) refuseAny(schema, WORDS.integer ?? [], at)
    return this.#of.either(...known.map((each) => this.#typed(each, schema, at)))
  }

  #typed(type: string, schema: JsonObject, at: string): Expression {
    const of = this.#of
    switch (type) {
      case 'object':
        return schema.properties === undefined && (schema.additionalProperties ?? true) === true
          ? this.#anyObject()
          : this.#object(schema, at)
      case 'array':
        return this.#array(schema, at)
      case 'string': {
        const [least, most] = countsIn(schema, 'minLength', 'maxLength', at)
        return this.#quoted(of.repeat(this.#character, least, most))
      }
      case 'integer':
        return this.#integer(schema, at)
      case 'number':
        return this.#number()
      case 'boolean':
        return of.either(of.text('true'), of.text('false'))
      default:
        return of.text('null')
    }
  }

  /** Properties that are not required may be left out, and keep the order. */
  #object({ properties = {}, required = [], ...schema }: JsonObject, at: string): Expression {
    const of = this.#of
    if (!isObject(properties)) throw unsupported(`${at}/properties`, 'it is not an object')
    const { additionalProperties: others = true } = schema
    if (typeof others !== 'boolean')
      throw unsupported(`${at}/additionalProperties`, 'it may be true or false')
    const names = Object.keys(properties)
    const needed = new Set(listAt(required, `${at}/required`))
    const missing = [...needed].find((name) => typeof name !== 'string' || !names.includes(name))
    if (missing !== undefined)
      throw unsupported(`${at}/required`, `${JSON.stringify(missing)} is none of its properties`)
    // Members from the last one back: what may follow when none or some have been written.
    let [first, later] = [of.end, of.end]
    for (const name of names.toReversed()) {
      const value = this.#nested(properties[name] ?? null, `${at}/properties/${name}`)
      const member = of.sequence(of.text(JSON.stringify(name)), this.#gap(':'), value)
      const [alone, behind] = [
        of.sequence(member, later),
        of.sequence(this.#gap(','), member, later),
      ]
      const isNeeded = needed.has(name)
      first = isNeeded ? alone : of.either(alone, first)
      later = isNeeded ? behind : of.either(behind, later)
    }
    return of.sequence(of.text('{'), first, of.text('}'))
  }

  #array({ items = true, ...schema }: JsonObject, at: string): Expression {
    const [least, most] = countsIn(schema, 'minItems', 'maxItems', at)
    const item = this.#nested(items, `${at}/items`)
    return this.#list('[', item, ']', least, most)
  }

  #list(start: string, item: Expression, end: string, least: number, most: number): Expression {
    const of = this.#of
    const more = of.repeat(of.sequence(this.#gap(','), item), Math.max(0, least - 1), most - 1)
    const items = most === 0 ? of.end : of.sequence(item, more)
    return of.sequence(of.text(start), least === 0 ? of.optional(items) : items, of.text(end))
  }

  #integer(schema: JsonObject, at: string): Expression {
    const of = this.#of
    const bound = (name: string) => numberIn(schema, name, at)
    const [above, below] = [bound('exclusiveMinimum'), bound('exclusiveMaximum')]
    const least = Math.max(
      Math.ceil(bound('minimum') ?? -Infinity),
      above === undefined ? -Infinity : Math.floor(above) + 1,
    )
    const most = Math.min(
      Math.floor(bound('maximum') ?? Infinity),
      below === undefined ? Infinity : Math.ceil(below) - 1,
    )
    if (least === -Infinity && most === Infinity) return this.#whole()
    const count = most - least + 1
    if (count < 1) throw unsupported(at, 'no integer is between its bounds')
    if (count > MOST_INTEGERS)
      throw unsupported(
        at,
        `its bounds hold more than ${MOST_INTEGERS} integers, or one is missing`,
      )
    return of.texts(Array.from({ length: count }, (_, index) => `${least + index}`))
  }

  #whole(): Expression {
    const of = this.#of
    const digits = of.repeat(digit(of), 0, MOST_DIGITS - 1)
    const whole = of.either(of.text('0'), of.sequence(of.byte([0x31, 0x39]), digits))
    return of.sequence(of.optional(of.text('-')), whole)
  }

  #number(): Expression {
    const of = this.#of
    const part = of.sequence(of.text('.'), of.repeat(digit(of), 1, MOST_DIGITS))
    const sign = of.optional(of.either(of.text('+'), of.text('-')))
    const digits = of.repeat(digit(of), 1, MOST_EXPONENT_DIGITS)
    const exponent = of.sequence(of.either(of.text('e'), of.text('E')), sign, digits)
    return of.sequence(this.#whole(), of.optional(part), of.optional(exponent))
  }

  #listed(schema: JsonObject, at: string): Expression {
    refuseOthers(schema, ['type', 'enum', 'const'], at)
    const { enum: choices, const: only, type } = schema
    const types = type === undefined ? undefined : typesIn(type, at)
    const listed = choices === undefined ? [only ?? null] : listAt(choices, `${at}/enum`)
    const all = listed.filter((value) => types?.some((each) => isOfType(value, each)) ?? true)
    const written = all.map((value) => JSON.stringify(value))
    const wanted =
      only === undefined ? written : written.filter((each) => each === JSON.stringify(only))
    if (wanted.length === 0) throw unsupported(at, 'no value is left')
    return this.#of.texts(wanted)
  }

  /**
   * Clients put a reference with a description into a list of one. What stands beside it holds as well, so that a word in both is
   * refused; and `additionalProperties` sees only the properties beside it.
   */
  #allOf({ allOf = [], ...beside }: JsonObject, at: string): Expression {
    const [only, ...others] = listAt(allOf, `${at}/allOf`)
    if (!isObject(only) || others.length > 0)
      throw unsupported(`${at}/allOf`, 'it may have one schema')
    const holds = Object.entries(beside).filter(([word]) => !schemaNotes.includes(word))
    const [words, inner] = [holds.map(([word]) => word), Object.keys(only)]
    const split = [words, inner].map((each) => PROPERTIES.filter((word) => each.includes(word)))
    if (words.some((word) => inner.includes(word)) || split.every(({ length }) => length > 0))
      throw unsupported(`${at}/allOf/0`, 'it has a word that counts with another beside allOf')
    return this.read({ ...only, ...Object.fromEntries(holds) }, `${at}/allOf/0`)
  }

  #referred(name: string, { $ref: _, ...beside }: JsonObject, at: string): Expression {
    refuseOthers(beside, [], at)
    const target = this.#target(name, at)
    if (this.#open.has(name)) throw unsupported(at, `${name} is nothing but itself`)
    // Read once now, so that a fault in it is found before a token is written.
    if (!this.#checked.has(name)) {
      this.#checked.add(name)
      this.#open.add(name)
      this.read(target, name)
      this.#open.delete(name)
    }
    return this.#of.rule(name, () => this.read(target, name))
  }

  /** A value inside an object or an array: bytes lie between it and the references around it. */
  #nested(schema: Json, at: string): Expression {
    const around = [...this.#open]
    this.#open.clear()
    const value = this.read(schema, at)
    for (const name of around) this.#open.add(name)
    return value
  }

  #target(name: string, at: string): Json {
    const [start, ...path] = name.split('/')
    let target: Json | undefined = start === '#' && !name.includes('%') ? this.#root : undefined
    for (const part of path) {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      target = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined
    }
    if (target === undefined) throw unsupported(at, `${name} is not in the schema`)
    return target
  }

  #anyValue(): Expression {
    const of = this.#of
    return of.rule('any value', () =>
      of.either(
        this.#anyObject(),
        this.#list('[', this.#anyValue(), ']', 0, Infinity),
        this.#quoted(of.repeat(this.#character, 0, Infinity)),
        this.#number(),
        ...['true', 'false', 'null'].map((word) => of.text(word)),
      ),
    )
  }

  #anyObject(): Expression {
    const of = this.#of
    const name = this.#quoted(of.repeat(this.#character, 0, Infinity))
    const member = of.sequence(name, this.#gap(':'), this.#anyValue())
    return this.#list('{', member, '}', 0, Infinity)
  }

  #quoted(inner: Expression): Expression {
    return this.#of.sequence(this.#of.text('"'), inner, this.#of.text('"'))
  }

  #gap(mark: string): Expression {
    return this.#of.sequence(this.#of.text(mark), this.#of.optional(this.#of.text(' ')))
  }
}

function digit(of: Expressions): Expression {
  return of.byte([0x30, 0x39])
}

/** One character of a JSON string: as it is in UTF-8, or escaped; no half of a surrogate pair. */
function character(of: Expressions): Expression {
  const byte = (from: number, to = from) => of.byte([from, to])
  const more = byte(0x80, 0xbf)
  const hex = of.byte([0x30, 0x39], [0x41, 0x46], [0x61, 0x66])
  const code = of.either(
    of.sequence(
      of.byte([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
      hex,
      hex,
      hex,
    ),
    of.sequence(of.byte([0x44, 0x44], [0x64, 0x64]), byte(0x30, 0x37), hex, hex),
  )
  const marks = Array.from('"\\/bfnrt', (mark) => of.text(mark))
  return of.either(
    of.byte([0x20, 0x21], [0x23, 0x5b], [0x5d, 0x7e]),
    of.sequence(byte(0xc2, 0xdf), more),
    of.sequence(byte(0xe0), byte(0xa0, 0xbf), more),
    of.sequence(of.byte([0xe1, 0xec], [0xee, 0xef]), more, more),
    of.sequence(byte(0xed), byte(0x80, 0x9f), more),
    of.sequence(byte(0xf0), byte(0x90, 0xbf), more, more),
    of.sequence(byte(0xf1, 0xf3), more, more, more),
    of.sequence(byte(0xf4), byte(0x80, 0x8f), more, more),
    of.sequence(of.text('\\'), of.either(...marks, of.sequence(of.text('u'), code))),
  )
}

function typesIn(type: Json, at: string): readonly string[] {
  const types = Array.isArray(type) ? (type as readonly Json[]) : [type]
  if (types.length === 0) throw unsupported(`${at}/type`, 'it has no type')
  return types.map((each) => {
    if (typeof each === 'string' && Object.hasOwn(WORDS, each)) return each
    throw unsupported(`${at}/type`, `${JSON.stringify(each)} is no type`)
  })
}

function isOfType(value: Json, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isObject(value) : typeof value === type
}

function countsIn(schema: JsonObject, least: string, most: string, at: string): [number, number] {
  const counts = [numberIn(schema, least, at) ?? 0, numberIn(schema, most, at) ?? Infinity] as const
  const [from, to] = counts
  if (!Number.isInteger(from) || from < 0) throw unsupported(`${at}/${least}`, 'it is no count')
  if (to !== Infinity && (!Number.isInteger(to) || to < from))
    throw unsupported(`${at}/${most}`, `it is no count of at least ${from}`)
  return [from, to]
}

function numberIn(schema: JsonObject, name: string, at: string): number | undefined {
  const value = schema[name]
  if (value === undefined) return undefined
  if (typeof value === 'number') return value
  throw unsupported(`${at}/${name}`, 'it is not a number')
}

function listAt(value: Json, at: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  throw unsupported(at, 'it is not a list')
}

function refuseOthers(schema: JsonObject, known: readonly string[], at: string): void {
  const others = Object.keys(schema).filter((word) => !known.includes(word))
  const other = others.find((word) => !schemaNotes.includes(word))
  if (other !== undefined) throw unsupported(`${at}/${other}`, 'this word is not supported')
}

function refuseAny(schema: JsonObject, words: readonly string[], at: string): void {
  const word = words.find((each) => Object.hasOwn(schema, each))
  if (word !== undefined) throw unsupported(`${at}/${word}`, 'this word is not supported')
}

function unsupported(at: string, why: string): SchemaUnsupported {
  return new SchemaUnsupported(`${at}: ${why}`)
}
