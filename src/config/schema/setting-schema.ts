/** Makes the schema of a configuration from the settings of a plug-in, which are data. */
import { Type, type TProperties, type TSchema } from 'typebox'
import type { Setting, Settings } from '../../contracts/core.ts'
import { invariant } from '../../platform/errors.ts'
import { durationPattern } from './shape.ts'

/** `bases`: what a setting of type `base` may be. */
export function schemasOf(settings: Settings, bases?: TSchema): TProperties {
  const entries = Object.entries(settings).map(([name, setting]) => {
    const schema = schemaOf(setting, bases)
    const isGiven = 'default' in setting || setting.required === true
    return [name, isGiven ? schema : Type.Optional(schema)]
  })
  return Object.fromEntries(entries) as TProperties
}

export function schemaOf(setting: Setting, bases?: TSchema): TSchema {
  switch (setting.type) {
    case 'integer':
      return Type.Integer(keywords(setting))
    case 'number':
      return Type.Number(keywords(setting))
    case 'boolean':
      return Type.Boolean(keywords(setting))
    case 'text':
      return Type.String(keywords(setting))
    case 'path':
      return Type.String({ minLength: 1, format: 'path', ...keywords(setting) })
    case 'duration':
      return durationSchema(setting)
    case 'choice': {
      const { options, ...rest } = keywords(setting)
      return Type.Enum([...options], rest)
    }
    case 'constant': {
      const { value, ...rest } = keywords(setting)
      return Type.Literal(value, rest)
    }
    case 'list': {
      const { of, default: byDefault, ...rest } = keywords(setting)
      return Type.Array(schemaOf(of, bases), {
        ...rest,
        ...(byDefault && { default: [...byDefault] }),
      })
    }
    case 'map': {
      const { of, names, ...rest } = keywords(setting)
      return Type.Record(
        Type.String(names === undefined ? {} : { pattern: names }),
        schemaOf(of, bases),
        rest,
      )
    }
    case 'group': {
      const { settings, ...rest } = keywords(setting)
      return Type.Object(schemasOf(settings, bases), { additionalProperties: false, ...rest })
    }
    case 'base': {
      invariant(bases, 'only a base has parts')
      return { ...bases, ...keywords(setting) }
    }
    case 'either': {
      const { of, ...rest } = keywords(setting)
      return Type.Union(
        of.map((each) => schemaOf(each, bases)),
        rest,
      )
    }
  }
}

/** The remaining fields are keywords of JSON Schema. */
function keywords<Of extends Setting>(setting: Of): Omit<Of, 'type' | 'required'> {
  const { type: _type, required: _required, ...rest } = setting
  return rest
}

/** `1s`, `500ms`, or 0 for never. */
function durationSchema(setting: Extract<Setting, { readonly type: 'duration' }>): TSchema {
  const { minimum: minimumMs, maximum: maximumMs, ...rest } = keywords(setting)
  const text = { pattern: durationPattern, format: 'duration', minimumMs, maximumMs }
  return Type.Union([Type.Literal(0), Type.String(text)], rest)
}
