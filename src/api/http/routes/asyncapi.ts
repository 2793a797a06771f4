/** The description of the channels of events. It names topics and brokers, so that it is not open like /openapi.json. */
import type { FastifyInstance } from 'fastify'
import type { HttpContext } from '../options.ts'
import { AsyncapiAnswer, problems } from '../schemas.ts'

export function addAsyncapiRoute(app: FastifyInstance, { asyncApi }: HttpContext): void {
  if (asyncApi === undefined) return
  const schema = {
    summary: 'description of the channels of events, as AsyncAPI',
    tags: ['operations'],
    response: { 200: AsyncapiAnswer, ...problems },
  }
  const text = JSON.stringify(asyncApi)
  app.get('/asyncapi.json', { schema, config: { role: 'read' } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').serializer(String).send(text),
  )
}
