/**
 * A span for each request, in the trace that its header `traceparent` names, so that predictions and feedback show up in
 * the traces of the services that call. Probes have none. A trace that its caller does not sample is not sent.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../../contracts/core.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import { childOf, readTraceparent } from '../../platform/tracing/traceparent.ts'

export function traceRequests(
  app: FastifyInstance,
  { spans, clock }: { readonly spans: SpanExporter; readonly clock: Clock },
): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, headers } = request
    if (routeOptions.config.probe === true) return
    const parent = readTraceparent(headers.traceparent)
    const context = childOf(parent)
    if (!context.isSampled) return
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

function modelOf({ params }: FastifyRequest) {
  const { model } = params as { readonly model?: unknown }
  return typeof model === 'string' ? { 'antikythera.model': model } : {}
}
