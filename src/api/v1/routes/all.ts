/** Every route of v1, in the order of its description. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { addAuditRoute } from './audit.ts'
import { addDeadLetterRoutes } from './dead-letters.ts'
import { addEvaluateRoute } from './evaluate.ts'
import { addFeedbackRoute } from './feedback.ts'
import { addFleetRoute } from './fleet.ts'
import { addHistoryRoute } from './history.ts'
import { addModelRoute } from './model.ts'
import { addModelsRoute } from './models.ts'
import { addPinRoutes } from './pin.ts'
import { addPredictRoute } from './predict.ts'
import { addPromoteRoute } from './promote.ts'
import { addQualityRoute } from './quality.ts'
import { addReceiptRoute } from './receipt.ts'
import { addRollbackRoute } from './rollback.ts'
import { addForgetRoutes } from './forget.ts'
import { addQuarantineRoutes } from './quarantine.ts'
import { addSetAsideRoutes } from './set-aside.ts'
import { addCompareRoute } from './compare.ts'
import { addTrialRoutes } from './trials.ts'
import { addVersionRoute } from './version.ts'
import { addVersionsRoute } from './versions.ts'

const routes = [
  addPredictRoute,
  addFeedbackRoute,
  addEvaluateRoute,
  addReceiptRoute,
  addModelsRoute,
  addModelRoute,
  addQualityRoute,
  addVersionsRoute,
  addVersionRoute,
  addCompareRoute,
  addPinRoutes,
  addHistoryRoute,
  addRollbackRoute,
  addPromoteRoute,
  addTrialRoutes,
  addSetAsideRoutes,
  addQuarantineRoutes,
  addForgetRoutes,
  addDeadLetterRoutes,
  addFleetRoute,
  addAuditRoute,
]

export function addRoutes(scope: FastifyInstance, services: Services): void {
  for (const add of routes) add(scope, services)
}
