/** What belongs to no surface: probes, metrics, and the descriptions of the routes and of the channels of events. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { FaultAnswer } from '../../client/schemas/models.ts'
import type { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { withChoices } from '../../platform/nullable.ts'
import type { Readiness } from '../../serving/services/faults.ts'
import type { Surface } from '../surface.ts'
import type { HttpContext } from './options.ts'
import { problems } from './problem.ts'

const AliveAnswer = Type.Object({ alive: Type.Boolean() })
const ReadyAnswer = Type.Object({
  ready: Type.Boolean(),
  degraded: Type.Optional(
    Type.Array(FaultAnswer, { description: 'problems while it keeps running; absent: none' }),
  ),
})
const DescriptionAnswer = Type.Object({}, { additionalProperties: true })
const MetricsAnswer = {
  description: 'the text format of Prometheus',
  content: { 'text/plain': { schema: Type.String() } },
}

interface Operation {
  readonly url: string
  readonly summary: string
  readonly response: Readonly<Record<string, unknown>>
  readonly config: FastifyContextConfig
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
}

export function addOperations(scope: FastifyInstance, context: HttpContext): void {
  const { metrics, asyncApi } = context
  const ready = {
    summary: 'whether it can answer for every model',
    response: { 200: ReadyAnswer, ...problems },
    config: { probe: true },
    handler: async () => readyAnswer(context),
  }
  const operations: readonly Operation[] = [
    {
      // Says nothing about models: a restart would not fix them.
      url: '/livez',
      summary: 'whether the process is alive',
      response: { 200: AliveAnswer },
      config: { probe: true },
      handler: async () => ({ alive: true }),
    },
    { ...ready, url: '/readyz' },
    // What the checks of load balancers and of other model servers ask.
    { ...ready, url: '/health' },
    {
      url: '/metrics',
      summary: 'metrics, for Prometheus',
      response: { 200: MetricsAnswer, ...problems },
      config: { role: 'read' },
      handler: async (_request, reply) =>
        reply.type(metrics.contentType).send(await metrics.text()),
    },
    {
      url: '/openapi.json',
      summary: 'this description',
      response: { 200: DescriptionAnswer },
      config: { probe: true },
      handler: async (_request, reply) => reply.serializer(JSON.stringify).send(scope.swagger()),
    },
  ]
  for (const operation of operations) addOperation(scope, operation)
  if (asyncApi === undefined) return
  const text = JSON.stringify(asyncApi)
  addOperation(scope, {
    // It names topics and brokers, so that it is not open like /openapi.json.
    url: '/asyncapi.json',
    summary: 'description of the channels of events, as AsyncAPI',
    response: { 200: DescriptionAnswer, ...problems },
    config: { role: 'read' },
    handler: async (_request, reply) =>
      reply.type('application/json; charset=utf-8').serializer(String).send(text),
  })
}

function addOperation(scope: FastifyInstance, { url, config, handler, ...described }: Operation) {
  const security = config.probe === true && { security: [] }
  const schema = { ...described, tags: ['operations'], ...security }
  scope.get(url, { schema, config }, handler)
}

/** Not ready while the server drains, and while a model is on its way to its first answer. */
function readyAnswer(context: HttpContext) {
  if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
  const readiness = context.services.readiness()
  const { degraded } = readiness
  if (!readiness.isReady) throw notReady(readiness)
  return { ready: true, ...(degraded.length > 0 && { degraded }) }
}

function notReady({ silent, degraded }: Readiness): CodedError {
  const faults = degraded.map((fault) => ({ ...fault }))
  const coded = faults.filter(({ code }) => code !== undefined)
  const why = coded.map(({ model, code, fix }) => `; ${model}: ${code}: ${fix}`).join('')
  return failure('NOT_READY', `no live version yet: ${silent.join(', ')}${why}`, {
    details: { models: silent, ...(faults.length > 0 && { degraded: faults }) },
  })
}

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

/** /openapi.json and /docs, made from the schemas of the routes that are added to the same scope after it. */
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
