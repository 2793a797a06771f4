/** All metrics of the daemon in Prometheus' text format. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from '../options.ts'
import { MetricsAnswer, problems } from '../schemas.ts'

export function addMetricsRoute(app: FastifyInstance, { metrics }: HttpContext): void {
  const schema = {
    summary: 'metrics, for Prometheus',
    tags: ['operations'],
    response: { 200: MetricsAnswer, ...problems },
  }
  app.get('/metrics', { schema, config: { role: 'read' } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}
