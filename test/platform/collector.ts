/** A collector of OpenTelemetry, as far as traces go: a plain HTTP server that decodes OTLP's JSON. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
  readonly status: { readonly code?: number }
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
}

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string }[] }
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[]
  }[]
}

export interface Collector {
  readonly endpoint: string
  readonly spans: ReceivedSpan[]
  /** As long as it is set, every request fails. */
  isAway: boolean
}

export async function openCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const isRight =
        request.url === '/v1/traces' && request.headers['content-type'] === 'application/json'
      if (collector.isAway || !isRight) return response.writeHead(503).end()
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Body
      for (const { scopeSpans } of body.resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans)
      return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const collector = { endpoint: `http://127.0.0.1:${port}/`, spans, isAway: false }
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return collector
}

/** Its attributes by name. */
export function attributesOf({ attributes }: ReceivedSpan): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}
