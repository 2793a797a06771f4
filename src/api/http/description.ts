/** /openapi.json and /docs, made from the schemas of the routes that are added to the same scope after it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { withChoices } from '../../platform/nullable.ts'
import type { Surface } from '../surface.ts'

export async function addDescription(
  scope: FastifyInstance,
  { version, surfaces }: { readonly version: string; readonly surfaces: readonly Surface[] },
): Promise<void> {
  const described = surfaces.flatMap(({ description }) => description ?? [])
  await scope.register(swagger, {
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
        ...described.flatMap(({ tags }) => tags),
        { name: 'operations', description: 'for probes and monitoring' },
      ],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      },
      security: [{ bearer: [] }, {}],
    },
    transformObject: (document) => {
      const description =
        'openapiObject' in document ? document.openapiObject : document.swaggerObject
      for (const part of described) part.complete(description.paths ?? {})
      return withChoices(description) as typeof description
    },
  })
  await scope.register(swaggerUi, { routePrefix: '/docs' })
}
