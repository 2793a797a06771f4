/**
 * The part of the OpenAI API that existing clients call, beside our own API under `/v1`. Every model answers there: the content of a
 * completion is the answer as text, its log-probabilities are the scores, and its id is what feedback names as `prediction_id`. A language
 * model writes its answer token by token.
 *
 * https://platform.openai.com/docs/api-reference
 */
import type { Services } from '../../serving/services/services.ts'
import type { Surface } from '../surface.ts'
import { addChatRoute } from './chat.ts'
import { addCompletionsRoute } from './completions.ts'
import { addEmbeddingsRoute } from './embeddings.ts'
import { openaiErrors } from './errors.ts'
import { addUnknownRoutes } from './unknown-routes.ts'

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
