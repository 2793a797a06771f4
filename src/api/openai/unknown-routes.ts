/** What else the API has: its clients are answered with an error in their form, instead of the problem of our own API. */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../platform/errors.ts'

/** The first parts of its paths, besides those that are served. */
const resources = [
  ...['assistants', 'audio', 'batches', 'chat', 'chatkit', 'containers'],
  ...['conversations', 'evals', 'files', 'fine_tuning', 'images', 'moderations', 'organization'],
  ...['realtime', 'responses', 'skills', 'threads', 'uploads', 'vector_stores', 'videos'],
]

export function addUnknownRoutes(app: FastifyInstance): void {
  for (const resource of resources)
    for (const url of [`/${resource}`, `/${resource}/*`]) {
      app.route({
        ...{ method: app.supportedMethods, url, config: { role: 'any' }, schema: { hide: true } },
        // Before the body is read: it may be a file.
        onRequest: async ({ method, url: asked }) => {
          const path = asked.split('?', 1)[0]?.slice(0, 200) ?? ''
          throw failure('ROUTE_UNKNOWN', `there is no route ${method} ${path}`)
        },
        handler: async () => undefined,
      })
    }
}
