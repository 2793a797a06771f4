/** What every route gets: the models, and what is around them. */
import type { Clock, Logger } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { CorsOptions } from './cors.ts'
import type { Fleet } from '../../serving/services/fleet-view.ts'
import type { ServedModel, TrainerView } from '../../serving/services/served-model.ts'

export interface ServerOptions {
  readonly models: readonly ServedModel[]
  readonly trainer: TrainerView
  /** This daemon among others. */
  readonly identity: {
    readonly replica: string
    readonly role: string
    readonly url?: string | undefined
  }
  /** Absent when it shares nothing with others. */
  readonly fleet?: Fleet | undefined
  readonly limits: ServerLimits
  /** Hosts that requests may name besides loopback; absent = all. */
  readonly hosts?: readonly string[] | undefined
  /** Absent = no page of another origin may read an answer. */
  readonly cors?: CorsOptions | undefined
  /** Bearer tokens that may use the API; none = everybody may. */
  readonly tokens: readonly string[] | (() => readonly string[])
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  /** Of the daemon, for the API's description and `build_info`. */
  readonly version: string
}

export type ServerLimits = Pick<
  Limits,
  | 'body_bytes'
  | 'body_events'
  | 'json_depth'
  | 'inputs'
  | 'text_characters'
  | 'features'
  | 'feature_magnitude'
  | 'label_characters'
  | 'connections'
  | 'probe_connections'
  | 'request_ms'
  | 'min_generation_ms'
  | 'wait_for_ms'
  | 'shutdown_ms'
>

export interface RouteContext extends ServerOptions {
  /** Throws `MODEL_UNKNOWN`. */
  modelNamed(name: string): ServedModel
  isDraining(): boolean
}

export function contextOf(options: ServerOptions, isDraining: () => boolean): RouteContext {
  const models = new Map(options.models.map((model) => [model.name, model]))
  return {
    ...options,
    isDraining,
    modelNamed(name) {
      const model = models.get(name)
      if (model !== undefined) return model
      throw failure('MODEL_UNKNOWN', `there is no model ${JSON.stringify(name.slice(0, 100))}`, {
        details: { models: [...models.keys()] },
      })
    },
  }
}
