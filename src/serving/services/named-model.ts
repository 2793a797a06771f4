/** A model by one name for both: `sentiment`, `sentiment@v12`, or `sentiment@live`. */
import type { ModelServices } from './model-services.ts'
import type { Services } from './services.ts'

export interface NamedModel {
  readonly model: ModelServices
  /** Absent = the live one. */
  readonly version?: string
}

/** Throws `MODEL_UNKNOWN`. */
export function namedModel(services: Pick<Services, 'model'>, name: string): NamedModel {
  const at = name.indexOf('@')
  if (at < 0) return { model: services.model(name) }
  const model = services.model(name.slice(0, at))
  const version = name.slice(at + 1)
  return version === 'live' ? { model } : { model, version }
}
