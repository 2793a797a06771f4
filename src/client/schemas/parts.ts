/** Small schemas that several routes share, and the type of what is written or read by a schema. */
import { Type, type Static, type TSchema } from 'typebox'

export const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
export const Count = Type.Integer({ minimum: 0 })
export const Time = Type.String({ format: 'date-time' })
/** Of what a person asks for. */
export const Reason = Type.String({
  minLength: 1,
  maxLength: 1000,
  description: 'recorded in the history',
})

/** A value of the schema. Neither side changes it. */
export type Answer<Schema extends TSchema> = Immutable<Static<Schema>>

export type Immutable<Value> = Value extends object
  ? { readonly [Key in keyof Value]: Immutable<Value[Key]> }
  : Value
