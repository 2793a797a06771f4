/**
 * A span for each request, in the trace that its header `traceparent` names, so that predictions and feedback show up in
 * the traces of the services that call. Probes have none. A trace that its caller does not sample is not sent.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../../contracts/core.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import { plainTraceparent, RequestTrace } from '../../platform/tracing/traceparent.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined if requests are not traced. */
    trace: RequestTrace | undefined
  }
}

export function traceRequests(
  app: FastifyInstance,
  { spans, clock }: { readonly spans: SpanExporter | undefined; readonly clock: Clock },
): void {
  app.decorateRequest('trace', undefined)
  if (spans === undefined) return
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.probe !== true)
      request.trace = new RequestTrace(request.headers.traceparent)
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, trace } = request
    if (trace?.context.isSampled !== true) return
    const { context, parent } = trace
    const route = routeOptions.url ?? 'unknown'
    const endMs = clock.nowMs()
    spans.add({
      ...{ context, parentId: parent?.spanId, name: `${method} ${route}` },
      ...{ startMs: endMs - reply.elapsedTime, endMs },
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': reply.statusCode,
        ...modelOf(request),
        ...(request.failedWith !== undefined && { 'error.type': request.failedWith }),
      },
      isError: reply.statusCode >= 500,
    })
  })
}

/** The trace of a request. If it is not traced here, the caller's own trace: another process may continue it. */
export function traceOf({ trace, headers }: FastifyRequest): RequestTrace | string | undefined {
  return trace ?? plainTraceparent(headers.traceparent)
}

/** The parent of what the request causes. */
export function traceparentOf(request: FastifyRequest): string | undefined {
  const trace = traceOf(request)
  return typeof trace === 'object' ? trace.traceparent : trace
}

function modelOf({ params }: FastifyRequest) {
  const { model } = params as { readonly model?: unknown }
  return typeof model === 'string' ? { 'antikythera.model': model } : {}
}
