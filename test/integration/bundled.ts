/**
 * Programs of other processes that are written in TypeScript beside their test. Node runs JavaScript only, and starts with one
 * bundle in a third of the time that a thousand modules take.
 */
import { buildSync } from 'esbuild'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll } from 'vitest'
import { externalsOf } from '../../deploy/bootstrap/programs.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Paths from the root of the checkout; answers where each program is until the tests of the file are over. */
export function bundled<const Paths extends readonly string[]>(
  ...paths: Paths
): { readonly [At in keyof Paths]: URL } {
  const dist = join(root, 'dist', 'test')
  mkdirSync(dist, { recursive: true })
  // Below the packages that it imports.
  const outdir = mkdtempSync(join(dist, 'programs-'))
  afterAll(() => {
    rmSync(outdir, { recursive: true })
  })
  buildSync({
    ...{ absWorkingDir: root, entryPoints: [...paths], outbase: '.', outdir },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20.19' },
    external: externalsOf(root),
  })
  const urls = paths.map((path) => pathToFileURL(join(outdir, path.replace(/\.ts$/, '.js'))))
  // One for each path.
  return urls as { readonly [At in keyof Paths]: URL }
}
