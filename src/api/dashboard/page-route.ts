/** `GET /`. The document contains nothing about the models, so no key is needed to read it. */
import type { FastifyInstance } from 'fastify'
import { readDocument, type Document } from './document.ts'

/** Read when it is first wanted: a daemon that is never looked at spends nothing on its page. */
export function addPageRoute(scope: FastifyInstance): void {
  let read: Promise<Document> | undefined
  const page = async () => {
    read ??= readDocument()
    // A failure is not kept.
    return read.catch((error: unknown) => {
      read = undefined
      throw error
    })
  }
  scope.get('/', { config: { open: true } }, async ({ headers }, reply) => {
    const { html, gzipped, etag, policy } = await page()
    void reply.headers({
      ...{ etag, 'content-security-policy': policy },
      ...{ 'cache-control': 'no-cache', vary: 'accept-encoding' },
      ...{ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' },
    })
    if (headers['if-none-match'] === etag) return reply.code(304).send()
    void reply.type('text/html; charset=utf-8')
    if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return reply.send(html)
    return reply.header('content-encoding', 'gzip').send(gzipped)
  })
}
