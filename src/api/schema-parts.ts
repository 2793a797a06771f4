/** Small schemas that several routes share. */
import { Type } from 'typebox'

export const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
export const Count = Type.Integer({ minimum: 0 })
export const Time = Type.String({ format: 'date-time' })
