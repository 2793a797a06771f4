/**
 * Three recurring shapes of the config's schema: a section with a default for every key, a choice by a key (`{ policy:
 * count, every: 16 }`), and a choice by name (`use-lite`, `{ bert: ./minilm }`).
 */
import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox'

/** A closed object that may be left out. */
export function section<Properties extends TProperties>(
  properties: Properties,
  description: string,
): TObject<Properties> {
  return Type.Object(properties, { additionalProperties: false, default: {}, description })
}

export type Branches = Readonly<Record<string, TProperties>>
export type ChoiceByKey<Key extends string, Table extends Branches> = {
  [Name in keyof Table & string]: Readonly<Record<Key, Name>> & Static<TObject<Table[Name]>>
}[keyof Table & string]

/** `key` selects the branch; each branch has its own settings. OpenAPI calls such a key the discriminator. */
export function choiceByKey<Key extends string, Table extends Branches>(
  key: Key,
  table: Table,
  byDefault: keyof Table & string,
  description: string,
) {
  const anyOf = Object.entries(table).map(([name, settings]) =>
    Type.Object({ [key]: Type.Literal(name), ...settings }, { additionalProperties: false }),
  )
  return Type.Unsafe<ChoiceByKey<Key, Table>>({
    anyOf,
    discriminator: { propertyName: key },
    default: { [key]: byDefault },
    description,
  })
}

export type ChoiceByName<Table extends Readonly<Record<string, TSchema | null>>> = {
  [Name in keyof Table & string]: Table[Name] extends TSchema
    ? Readonly<Record<Name, Static<Table[Name]>>>
    : Name
}[keyof Table & string]

export function choiceByName<Table extends Readonly<Record<string, TSchema | null>>>(
  table: Table,
  description: string,
  byDefault?: keyof Table & string,
) {
  const anyOf = Object.entries(table).map(([name, settings]) =>
    settings === null
      ? Type.Literal(name)
      : Type.Object({ [name]: settings }, { additionalProperties: false }),
  )
  const start = byDefault === undefined ? {} : { default: byDefault }
  return Type.Unsafe<ChoiceByName<Table>>({ anyOf, choice: 'name', ...start, description })
}

/** A settled value is never modified. */
export type Frozen<Value> = Value extends (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
    : Value
