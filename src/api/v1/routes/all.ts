/** Every route of v1, in the order of its description. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { addDeadLetterRoutes } from './dead-letters.ts'
import { addEvaluateRoute } from './evaluate.ts'
import { addFeedbackRoutes } from './feedback.ts'
import { addForgetRoutes } from './forget.ts'
import { addModelRoutes } from './models.ts'
import { addMoveRoutes } from './moves.ts'
import { addOperationRoutes } from './operations.ts'
import { addPredictRoute } from './predict.ts'
import { addQuarantineRoutes, addSetAsideRoutes } from './set-aside.ts'
import { addVersionRoutes } from './versions.ts'

const routes = [
  addPredictRoute,
  addFeedbackRoutes,
  addEvaluateRoute,
  addModelRoutes,
  addVersionRoutes,
  addMoveRoutes,
  addSetAsideRoutes,
  addQuarantineRoutes,
  addForgetRoutes,
  addDeadLetterRoutes,
  addOperationRoutes,
]

export function addRoutes(scope: FastifyInstance, services: Services): void {
  for (const add of routes) add(scope, services)
}
