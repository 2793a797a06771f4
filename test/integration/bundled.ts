/**
 * Programs of other processes that are written in TypeScript beside their test: Node runs JavaScript only, so that they go
 * to `dist/test/…`, where their imports of `src/` meet the built files.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Paths from the root of the checkout; answers the URL of the first. Write out every file of `test/` that they import. */
export function transpile(...paths: readonly string[]): string {
  const written = paths.map((path) => {
    const source = join(root, path)
    const target = join(root, 'dist', relative(root, source)).replace(/\.ts$/, '.js')
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, javaScriptOf(readFileSync(source, 'utf8')))
    return pathToFileURL(target).href
  })
  return written[0]!
}

function javaScriptOf(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText
}
