/**
 * The files of the page, each compressed once. The digest of all of them is part of their address, so a browser may keep
 * them for good, and a page never mixes files of two releases.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { entryUrl } from '../../platform/entry.ts'
import { STYLE } from './style.ts'

export interface Asset {
  readonly type: string
  readonly bytes: Buffer
  readonly gzipped: Buffer
}

export interface Assets {
  readonly digest: string
  /** Modules of the page itself, by file name. */
  readonly modules: readonly string[]
  readonly byName: ReadonlyMap<string, Asset>
}

/** What the modules import by name, and the file that it is served as. */
export const libraries = {
  preact: 'preact.js',
  'preact/hooks': 'hooks.js',
  'preact/jsx-runtime': 'jsx-runtime.js',
} as const

/** A gear, for the tab of the browser. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<circle cx="16" cy="16" r="10" fill="none" stroke="#2f7d6d" stroke-width="5"/>
<circle cx="16" cy="16" r="13.5" fill="none" stroke="#2f7d6d" stroke-width="4" stroke-dasharray="5.3 5.3"/>
</svg>
`

const JAVASCRIPT = 'text/javascript; charset=utf-8'

export async function readAssets(): Promise<Assets> {
  const folder = new URL('.', entryUrl('./page/main.ts', import.meta.url))
  const names = await readdir(folder)
  const modules = names.filter((name) => name.endsWith('.js')).sort()
  const { resolve } = createRequire(import.meta.url)
  const files = await Promise.all([
    ...modules.map((name) => script(name, fileURLToPath(new URL(name, folder)))),
    ...Object.entries(libraries).map(([from, name]) => script(name, resolve(from))),
    packed('style.css', 'text/css; charset=utf-8', Buffer.from(STYLE)),
    packed('icon.svg', 'image/svg+xml', Buffer.from(ICON)),
  ])
  const hash = createHash('sha256')
  for (const [name, { bytes }] of files) hash.update(`${name}\0${bytes.length}\0`).update(bytes)
  return { digest: hash.digest('hex').slice(0, 16), modules, byName: new Map(files) }
}

async function script(name: string, path: string) {
  return packed(name, JAVASCRIPT, await readFile(path))
}

const compress = promisify(gzip)

async function packed(name: string, type: string, bytes: Buffer) {
  const gzipped = await compress(bytes, { level: 9 })
  return [name, { type, bytes, gzipped }] as const
}
