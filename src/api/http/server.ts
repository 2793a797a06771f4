/** The HTTP server: Fastify with every limit set, every error as problem+json, and an end that loses no request. */
import Fastify, { type FastifyInstance } from 'fastify'
import { answerNotFound, problemAnswerer } from './answer-problem.ts'
import { addBodies } from './bodies.ts'
import { watchConnections, type Connections } from './connections.ts'
import { addCors } from './cors.ts'
import { contextOf, type RouteContext, type ServerOptions } from './context.ts'
import { addDeadline } from './deadline.ts'
import { addDescription } from './description.ts'
import { drain } from './drain.ts'
import { addHooks } from './hooks.ts'
import { listen, type Address, type Listening } from './listen.ts'
import { watchMethods } from './other-methods.ts'
import { addRoutes } from '../v1/routes/all.ts'
import { watchScrapes } from '../../serving/services/scrape.ts'
import { answerSocketFault } from './socket-fault.ts'

export interface Server {
  /** For `inject` in tests. */
  readonly app: FastifyInstance
  /** Throws `PORT_IN_USE`. */
  listen(address: Address): Promise<Listening>
  /** Not ready from now on: answers what is in flight, refuses what comes. Resolves when no connection is left. */
  drain(): Promise<void>
  /** Cuts whatever is still there. Idempotent. */
  close(): Promise<void>
}

export async function openServer(options: ServerOptions): Promise<Server> {
  let draining = false
  const context = contextOf(options, () => draining)
  const app = await build(context)
  const end = async (deadlineMs: number) => {
    draining = true
    await drain(app, deadlineMs, options.clock)
  }
  return {
    app,
    listen: (address) => listen(app, address),
    drain: () => end(options.limits.shutdown_ms),
    close: () => end(0),
  }
}

async function build(context: RouteContext): Promise<FastifyInstance> {
  const app = openFastify(context)
  addBodies(app, context.limits)
  // Later than `requestTimeout`, so that a client that sends slowly is told that it does.
  addDeadline(app, 2 * context.limits.request_ms, context.clock)
  const connections = watch(app, context)
  addCors(app, context.cors)
  addHooks(app, context, connections)
  app.setErrorHandler(problemAnswerer(context.log, context.clock))
  app.setNotFoundHandler(answerNotFound)
  await addDescription(app, context)
  const refuseOtherMethods = watchMethods(app)
  addRoutes(app, context)
  refuseOtherMethods()
  watchScrapes(context)
  await app.ready()
  return app
}

/** Fastify waits for ever unless it is told how long. */
function openFastify({ limits, log, clock }: RouteContext): FastifyInstance {
  const answerProblem = problemAnswerer(log, clock)
  const app = Fastify({
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_ms,
    connectionTimeout: 4 * limits.request_ms,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: limits.request_ms,
      maxHeaderSize: MOST_HEADER_BYTES,
      connectionsCheckingInterval: Math.min(1000, limits.request_ms),
    },
    // A name that is too long is a name that is not known.
    routerOptions: { maxParamLength: MOST_HEADER_BYTES },
    return503OnClosing: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    clientErrorHandler: answerSocketFault,
    frameworkErrors: (error, request, reply) => void answerProblem(error, request, reply),
  })
  return app
}

function watch(app: FastifyInstance, { limits, clock, metrics }: RouteContext): Connections {
  const connections = watchConnections(app.server, {
    most: limits.connections,
    reserve: limits.probe_connections,
    clock,
    onEvicted: () => {
      metrics.count('connectionsEvicted', {})
    },
  })
  metrics.onScrape(() => {
    metrics.gauge('connections', {}, connections.count())
  })
  return connections
}

/** Longer than the minute after which load balancers commonly give up a connection. */
const KEEP_ALIVE_MS = 72_000
const MOST_HEADER_BYTES = 16 * 1024
