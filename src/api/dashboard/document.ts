/**
 * The page as one document, style and program inside it: it is drawn one answer after the request. Compressed once.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { entryUrl } from '../../platform/entry.ts'
import { invariant } from '../../platform/errors.ts'
import { linked } from './link.ts'
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

const LIBRARIES = ['preact', 'preact/hooks']
/** What the compiler writes for an element. Preact's own also has what only a server needs. */
const JSX_RUNTIME = `export { Fragment } from "preact";
import { h } from "preact";
export const jsx = (type, props, key) => h(type, key === undefined ? props : { ...props, key });
export { jsx as jsxs };`

/** A gear, for the tab of the browser. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2f7d6d"><circle cx="16" cy="16" r="10" stroke-width="5"/><circle cx="16" cy="16" r="13.5" stroke-width="4" stroke-dasharray="5.3 5.3"/></svg>`

const compress = promisify(gzip)

export async function readDocument(): Promise<Document> {
  const program = `\n${linked(await readModules(), 'main.js')}\n`
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

async function readModules(): Promise<ReadonlyMap<string, string>> {
  const folder = new URL('.', entryUrl('./page/main.ts', import.meta.url))
  const names = (await readdir(folder)).filter((name) => name.endsWith('.js'))
  const { resolve } = createRequire(import.meta.url)
  const modules = new Map(
    await Promise.all([
      ...names.map(async (name) => [name, await readFile(new URL(name, folder), 'utf8')] as const),
      ...LIBRARIES.map(async (name) => [name, await readFile(resolve(name), 'utf8')] as const),
    ]),
  )
  return modules.set('preact/jsx-runtime', JSX_RUNTIME)
}

function sourceOf(inline: string): string {
  return `'sha256-${createHash('sha256').update(inline).digest('base64')}'`
}
