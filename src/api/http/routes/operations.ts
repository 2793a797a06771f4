/** The routes that belong to no surface: probes, metrics, and the description of the described surfaces. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from '../options.ts'
import { addAsyncapiRoute } from './asyncapi.ts'
import { addLivezRoute } from './livez.ts'
import { addMetricsRoute } from './metrics.ts'
import { addOpenapiRoute } from './openapi.ts'
import { addReadyzRoute } from './readyz.ts'

export function addOperations(scope: FastifyInstance, context: HttpContext): void {
  addLivezRoute(scope)
  addReadyzRoute(scope, context)
  addMetricsRoute(scope, context)
  addOpenapiRoute(scope)
  addAsyncapiRoute(scope, context)
}
