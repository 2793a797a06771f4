/** The services for every HTTP surface: the models by name, and this daemon in its fleet. Typed, and without HTTP. */
import type { Clock } from '../../contracts/core.ts'
import type { AuditLog } from '../../platform/audit/audit-log.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { fleetStatus, type FleetOptions, type FleetStatus } from './fleet/fleet-service.ts'
import { openModelServices, type ModelServices } from './model-services.ts'
import { readinessOf, type Readiness } from './faults.ts'
import { openSeries, type SeriesService } from './series/series-service.ts'

export interface Services {
  readonly models: readonly ModelServices[]
  /** Throws `MODEL_UNKNOWN`. */
  model(name: string): ModelServices
  fleet(): Promise<FleetStatus>
  readiness(): Readiness
  /** How each model has been doing; empty until it is run. */
  readonly series: SeriesService
  readonly audit: Pick<AuditLog, 'page'>
  /** The limits of a request. */
  readonly limits: Limits
  readonly clock: Pick<Clock, 'nowMs'>
}

interface ServicesOptions extends FleetOptions {
  readonly limits: Limits
  readonly audit: Pick<AuditLog, 'page'>
  readonly clock: Clock
}

export function openServices(options: ServicesOptions): Services {
  const { trainer, limits, audit, clock, fleet } = options
  const { askReceipts: askFleet, askTrainer } = fleet ?? {}
  const around = { trainer, limits, clock, askFleet, askTrainer }
  const models = options.models.map((model) => openModelServices(model, around))
  const byName = new Map(models.map((model) => [model.name, model]))
  return {
    models,
    limits,
    audit,
    clock,
    model(name) {
      const model = byName.get(name)
      if (model !== undefined) return model
      throw failure('MODEL_UNKNOWN', `there is no model ${JSON.stringify(name.slice(0, 100))}`, {
        details: { models: [...byName.keys()] },
      })
    },
    fleet: () => fleetStatus(options),
    readiness: () => readinessOf(options.models, trainer),
    series: openSeries({ models: options.models, trainer, limits, clock }),
  }
}

/** A model by one name for both: `sentiment`, `sentiment@v12`, or `sentiment@live`. */
interface NamedModel {
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
