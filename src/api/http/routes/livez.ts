/** The process is alive and its event loop runs. Says nothing about models: a restart would not fix them. */
import type { FastifyInstance } from 'fastify'
import { AliveAnswer } from '../schemas.ts'

export function addLivezRoute(app: FastifyInstance): void {
  const schema = {
    summary: 'whether the process is alive',
    tags: ['operations'],
    security: [],
    response: { 200: AliveAnswer },
  }
  app.get('/livez', { schema, config: { probe: true } }, async () => ({ alive: true }))
}
