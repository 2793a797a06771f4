/**
 * The source as a graph of imports, for tests of the house rules. Read with the TypeScript compiler, so that types and strings that only
 * look like imports are told apart from imports that run.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = fileURLToPath(new URL('..', import.meta.url))

export interface Import {
  /** A path from the root for our own files, a package's name or node:… for others. */
  readonly target: string
  readonly isOurs: boolean
  /** Gone when the program runs. */
  readonly isType: boolean
  /** `await import(…)`: loaded only when somebody comes by. */
  readonly isDynamic: boolean
}

export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

/** Everything that git keeps or would keep, so that a file is judged before it is committed. */
export function trackedFiles(): readonly string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard']
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim().split('\n')
}

/** Of each text `part`, all of it by default. */
export function readSources(
  folders: readonly string[],
  part = (text: string) => text,
): readonly SourceFile[] {
  return trackedFiles()
    .filter(
      (path) => path.endsWith('.ts') && folders.some((folder) => path.startsWith(`${folder}/`)),
    )
    .flatMap((path) => {
      const text = read(path)
      return text === undefined ? [] : [sourceFile(path, part(text))]
    })
}

/** The text down to its last import that is not dynamic. To parse no more of every file takes a fifth of the time. */
export function untilLastImport(text: string): string {
  const last = [...text.matchAll(/^(import|export|\}).* from '.*'$|^import '.*'$/gm)].at(-1)
  return last === undefined ? '' : text.slice(0, last.index + last[0].length)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    // Known to git and removed from the folder.
    return undefined
  }
}

/** By path: several files of tests in one process ask for the same trees. */
const parsed = new Map<string, SourceFile>()

export function sourceFile(path: string, text: string): SourceFile {
  const known = parsed.get(path)
  if (known?.text === text) return known
  const made = parse(path, text)
  parsed.set(path, made)
  return made
}

function parse(path: string, text: string): SourceFile {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true)
  return { path, text, tree, imports: importsOf(path, tree) }
}

/** Calls `visit` for every node. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  node.forEachChild((child) => {
    walk(child, visit)
  })
}

function importsOf(path: string, tree: ts.SourceFile): readonly Import[] {
  const found: Import[] = []
  walk(tree, (node) => {
    const imported = importOf(node)
    if (imported === undefined) return
    const { specifier, ...kind } = imported
    const isOurs = specifier.startsWith('.')
    const target = isOurs ? join(dirname(path), specifier) : packageOf(specifier)
    found.push({ target, isOurs, ...kind })
  })
  return found
}

function importOf(node: ts.Node) {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return {
      specifier: node.moduleSpecifier.text,
      isType: isTypeOnly(node.importClause),
      isDynamic: false,
    }
  }
  if (
    ts.isExportDeclaration(node) &&
    node.moduleSpecifier &&
    ts.isStringLiteral(node.moduleSpecifier)
  ) {
    return { specifier: node.moduleSpecifier.text, isType: node.isTypeOnly, isDynamic: false }
  }
  if (!ts.isCallExpression(node)) return undefined
  const [argument] = node.arguments
  const isImport = node.expression.kind === ts.SyntaxKind.ImportKeyword
  const isRequire = node.expression.getText().startsWith('require')
  if (argument === undefined || !ts.isStringLiteral(argument) || !(isImport || isRequire))
    return undefined
  return { specifier: argument.text, isType: false, isDynamic: true }
}

/** `import type { A }`, or a clause whose every name is a type. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const { name, namedBindings } = clause
  if (name !== undefined || namedBindings === undefined || !ts.isNamedImports(namedBindings))
    return false
  return (
    namedBindings.elements.length > 0 &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  )
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier)
}

/** The files that `start` loads before its first line runs, itself included. */
export function loadedBy(start: string, sources: readonly SourceFile[]): ReadonlySet<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const loaded = new Set<string>()
  const load = (path: string) => {
    if (loaded.has(path)) return
    loaded.add(path)
    for (const { target, isOurs, isType, isDynamic } of byPath.get(path)?.imports ?? [])
      if (isOurs && !isType && !isDynamic) load(target)
  }
  load(start)
  return loaded
}

/** Each circle of imports once, types included: two files that need each other's types are one idea in two places. */
export function importCircles(sources: readonly SourceFile[]): readonly (readonly string[])[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const circles: (readonly string[])[] = []
  const done = new Set<string>()
  const follow = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) {
      circles.push([...trail.slice(at), path])
      return
    }
    if (done.has(path)) return
    for (const { target, isOurs } of byPath.get(path)?.imports ?? [])
      if (isOurs) follow(target, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) follow(path, [])
  return circles
}
