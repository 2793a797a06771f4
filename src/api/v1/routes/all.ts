/** Every route of the API, in the order of its description. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { addDeadLetterRoutes } from './dead-letters.ts'
import { addFeedbackRoute } from './feedback.ts'
import { addFleetRoute } from './fleet.ts'
import { addHistoryRoute } from './history.ts'
import { addLivezRoute } from '../../http/routes/livez.ts'
import { addMetricsRoute } from '../../http/routes/metrics.ts'
import { addModelRoute } from './model.ts'
import { addModelsRoute } from './models.ts'
import { addOpenapiRoute } from '../../http/routes/openapi.ts'
import { addPinRoutes } from './pin.ts'
import { addPredictRoute } from './predict.ts'
import { addPromoteRoute } from './promote.ts'
import { addQualityRoute } from './quality.ts'
import { addReadyzRoute } from '../../http/routes/readyz.ts'
import { addRollbackRoute } from './rollback.ts'
import { addSetAsideRoutes } from './set-aside.ts'
import { addVersionRoute } from './version.ts'
import { addVersionsRoute } from './versions.ts'

const routes = [
  addPredictRoute,
  addFeedbackRoute,
  addModelsRoute,
  addModelRoute,
  addQualityRoute,
  addVersionsRoute,
  addVersionRoute,
  addPinRoutes,
  addHistoryRoute,
  addRollbackRoute,
  addPromoteRoute,
  addSetAsideRoutes,
  addDeadLetterRoutes,
  addFleetRoute,
  addLivezRoute,
  addReadyzRoute,
  addMetricsRoute,
  addOpenapiRoute,
]

export function addRoutes(app: FastifyInstance, context: RouteContext): void {
  for (const add of routes) add(app, context)
}
