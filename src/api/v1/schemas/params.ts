/** The parameters in the paths of the routes. */
import { Type, type Static } from 'typebox'

export const ModelParams = Type.Object({ model: Type.String() })

export type ModelParams = Static<typeof ModelParams>

export const VersionParams = Type.Object({ model: Type.String(), version: Type.String() })

export type VersionParams = Static<typeof VersionParams>

export const CompareParams = Type.Object({ ...VersionParams.properties, other: Type.String() })

export type CompareParams = Static<typeof CompareParams>
