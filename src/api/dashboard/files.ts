/** `GET /` and the files that it names. They contain nothing about the models, so no token is needed to read them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../../platform/errors.ts'
import { readAssets, type Asset, type Assets } from './assets.ts'
import { documentOf, type Document } from './html.ts'

interface Page {
  readonly assets: Assets
  readonly document: Document
}

interface FileParams {
  readonly digest: string
  readonly name: string
}

/** Read when they are first wanted: a daemon that is never looked at spends nothing on its page. */
export function addFileRoutes(scope: FastifyInstance): void {
  let read: Promise<Page> | undefined
  const page = async () => {
    read ??= readPage()
    // A failure is not kept.
    return read.catch((error: unknown) => {
      read = undefined
      throw error
    })
  }
  const config = { open: true }
  scope.get('/', { config }, async (_request, reply) => {
    const { html, policy } = (await page()).document
    return reply
      .headers({ 'content-security-policy': policy, 'cache-control': 'no-cache', ...SAFE })
      .type('text/html; charset=utf-8')
      .send(html)
  })
  scope.get<{ Params: FileParams }>(
    '/dashboard/:digest/:name',
    { config },
    async (request, reply) => {
      const { digest, name } = request.params
      const { assets } = await page()
      const asset = digest === assets.digest ? assets.byName.get(name) : undefined
      if (asset === undefined)
        throw failure('ROUTE_UNKNOWN', 'this file belongs to another release: load the page again')
      return sendAsset(request, reply, asset)
    },
  )
}

async function readPage(): Promise<Page> {
  const assets = await readAssets()
  return { assets, document: documentOf(assets) }
}

const SAFE = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }
const FOREVER = { 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' }

async function sendAsset(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  { type, bytes, gzipped }: Asset,
) {
  const takesGzip = /\bgzip\b/.test(headers['accept-encoding'] ?? '')
  void reply.headers({ ...FOREVER, ...SAFE }).type(type)
  if (takesGzip) void reply.header('content-encoding', 'gzip')
  return reply.send(takesGzip ? gzipped : bytes)
}
