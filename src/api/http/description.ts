/** /openapi.json and /docs, made from the schemas of the routes. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from './context.ts'
import { addExamples } from '../v1/examples.ts'

export async function addDescription(
  app: FastifyInstance,
  { version, models }: Pick<RouteContext, 'version' | 'models'>,
): Promise<void> {
  const [first] = models
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Antikythera',
        version,
        description:
          'Predictions from adapters that are fine-tuned while they serve. Every error is application/problem+json ' +
          'with a stable code.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'predictions', description: 'asking, and saying what was right' },
        { name: 'models', description: 'what is served, and how it is doing' },
        { name: 'versions', description: 'which version answers' },
        { name: 'operations', description: 'for probes and monitors' },
      ],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      },
      security: [{ bearer: [] }, {}],
    },
    transformObject: (document) => {
      const description =
        'openapiObject' in document ? document.openapiObject : document.swaggerObject
      if (first !== undefined) addExamples(description.paths ?? {}, first)
      return description
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
}
