/**
 * The part of the OpenAI API that existing clients call, beside our own API under `/v1`. Every model answers there: the content of a
 * completion is the answer as text, its log-probabilities are the scores, and its id is what feedback names as `prediction_id`. A language
 * model writes its answer token by token.
 *
 * https://platform.openai.com/docs/api-reference
 */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../serving/services/services.ts'
import type { Surface } from '../surface.ts'
import { addChatRoute } from './chat.ts'
import { addCompletionsRoute } from './completions.ts'
import { addEmbeddingsRoute } from './embeddings.ts'
import { openaiErrors } from './errors.ts'
import { failure } from '../../platform/errors.ts'

export function openOpenai(services: Services): Surface {
  return {
    prefix: '/v1',
    errors: openaiErrors,
    description: {
      tags: [{ name: 'openai', description: 'for clients of the OpenAI API' }],
      complete: () => undefined,
    },
    addTo(scope) {
      addChatRoute(scope, services)
      addCompletionsRoute(scope, services)
      addEmbeddingsRoute(scope, services)
      addUnknownRoutes(scope)
    },
  }
}

/** The first parts of the paths that the API has besides those that are served. */
const resources = [
  ...['assistants', 'audio', 'batches', 'chat', 'chatkit', 'containers'],
  ...['conversations', 'evals', 'files', 'fine_tuning', 'images', 'moderations', 'organization'],
  ...['realtime', 'responses', 'skills', 'threads', 'uploads', 'vector_stores', 'videos'],
]

/** Clients of its other routes get an error in their form, instead of the problem of our own API. */
function addUnknownRoutes(app: FastifyInstance): void {
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
