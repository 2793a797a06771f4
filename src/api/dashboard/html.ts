/** The document of the page: where its files are, and what to show before they are there. */
import { createHash } from 'node:crypto'
import { libraries, type Assets } from './assets.ts'

export interface Document {
  readonly html: string
  /** Everything comes from this server; the one inline script is the import map, named by its hash. */
  readonly policy: string
}

/** Addresses are relative, so that the page also works below a path of a reverse proxy. */
export function documentOf({ digest, modules }: Assets): Document {
  const at = (name: string) => `dashboard/${digest}/${name}`
  const imports = Object.fromEntries(
    Object.entries(libraries).map(([from, name]) => [from, `./${at(name)}`]),
  )
  const map = JSON.stringify({ imports })
  const hash = createHash('sha256').update(map).digest('base64')
  const preloads = [...Object.values(libraries), ...modules]
    .map((name) => `<link rel="modulepreload" href="${at(name)}">`)
    .join('')
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Antikythera</title>
<link rel="icon" href="${at('icon.svg')}">
<link rel="stylesheet" href="${at('style.css')}">
<script type="importmap">${map}</script>
${preloads}
<script type="module" src="${at('main.js')}"></script>
<body><noscript>This page needs JavaScript; the same is at <a href="docs">/docs</a>.</noscript></body>
</html>
`
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'sha256-${hash}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ')
  return { html, policy }
}
