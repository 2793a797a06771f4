/** /openapi.json and /docs, made from the schemas of the routes that are added to the same scope after it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { withChoices } from '../../platform/nullable.ts'
import type { Surface } from '../surface.ts'

/** Styles are set on elements by the scripts of the page. */
const DOCS_POLICY = {
  'default-src': "'self'",
  'style-src': "'self' 'unsafe-inline'",
  'img-src': "'self' data:",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'object-src': "'none'",
}

/** The plug-in describes every body as required; one that may be null may also be left out. */
function optionalBodies(paths: object): void {
  for (const operations of Object.values(paths) as readonly Readonly<Record<string, unknown>>[])
    for (const operation of Object.values(operations)) {
      const { requestBody: body } = Object(operation) as { requestBody?: RequestBody }
      const choices = Object.values(body?.content ?? {}).flatMap(
        ({ schema }) => schema?.anyOf ?? [],
      )
      if (body !== undefined && choices.some(({ type }) => type === 'null')) body.required = false
    }
}

interface RequestBody {
  required?: boolean
  readonly content?: Readonly<
    Record<string, { readonly schema?: { readonly anyOf?: readonly { readonly type?: string }[] } }>
  >
}

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
      optionalBodies(description.paths ?? {})
      return withChoices(description) as typeof description
    },
  })
  await scope.register(async (docs) => {
    docs.addHook('onSend', async (_request, reply) => {
      void reply.headers({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
    })
    // The page shows `/openapi.json` of this server, and sends nothing to others.
    const uiConfig = { validatorUrl: null }
    await docs.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY, uiConfig })
  })
}
