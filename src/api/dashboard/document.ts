/**
 * The page as one document, style and program inside it: it is drawn one answer after the request. Compressed once.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { entryUrl } from '../../platform/entry.ts'
import { invariant } from '../../platform/errors.ts'
import { STYLE } from './style.ts'

export interface Document {
  readonly html: Buffer
  readonly gzipped: Buffer
  /** Changes with each release that changes the page. */
  readonly etag: string
  /**
   * The content security policy: the browser may run the document's own scripts, named by their hash, and call this
   * server.
   */
  readonly policy: string
}

/** A gear, for the tab of the browser. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2f7d6d"><circle cx="16" cy="16" r="10" stroke-width="5"/><circle cx="16" cy="16" r="13.5" stroke-width="4" stroke-dasharray="5.3 5.3"/></svg>`

const compress = promisify(gzip)

export async function readDocument(): Promise<Document> {
  const program = await readFile(entryUrl('src/api/dashboard/page/main.tsx'), 'utf8')
  invariant(!/<\/script|<!--/i.test(program), 'the program of the page would end its own element')
  // Addresses are relative, so that the page also works below a path of a reverse proxy.
  const html = Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Antikythera</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}">
<style>${STYLE}</style>
<body><noscript>This page needs JavaScript; the same is at <a href="docs">/docs</a>.</noscript>
<script type="module">${program}</script>
`)
  const policy = [
    "default-src 'self'",
    `script-src ${sourceOf(program)}`,
    `style-src ${sourceOf(STYLE)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ')
  const digest = createHash('sha256').update(html).digest('hex').slice(0, 16)
  return { html, gzipped: await compress(html, { level: 9 }), etag: `"${digest}"`, policy }
}

function sourceOf(inline: string): string {
  return `'sha256-${createHash('sha256').update(inline).digest('base64')}'`
}
