/**
 * Where a worker thread or child process finds its program. Node runs JavaScript only, so a caller running from
 * TypeScript (a test) gets the built file of the same name; a built caller gets its neighbour.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { invariant } from './errors.ts'

/** `relative` is written as in an import, e.g. './process.ts'; `base` is the caller's import.meta.url. */
export function entryUrl(relative: string, base: string): URL {
  const script = new URL(relative.replace(/\.ts$/, '.js'), builtLocation(base))
  invariant(existsSync(fileURLToPath(script)), `${script.href} is not built: npm run build`)
  return script
}

/** src/a/b.ts → dist/src/a/b.js; a URL inside dist stays as it is. */
function builtLocation(base: string): string {
  if (!base.endsWith('.ts')) return base
  const root = new URL('../../', import.meta.url)
  const inside = base.slice(root.href.length)
  return new URL(`dist/${inside.replace(/\.ts$/, '.js')}`, root).href
}
