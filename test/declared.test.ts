/** Law 12: what is declared is used. Tables, hooks and documents are compared with the code. */
import type { Command } from 'commander'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { policies, sinks, sources } from '../src/plugins.ts'
import { BENCHES, TABLES } from '../src/cli/commands/bench.ts'
import { createProgram } from '../src/cli/program.ts'
import { errorTable } from '../src/platform/errors.ts'
import { innerLimits, limitTable } from '../src/platform/limits.ts'
import { metricTable } from '../src/platform/metric-table.ts'
import { describedRoutes } from './deploy/routes.ts'
import { readSources, root, trackedFiles, walk, type SourceFile } from './source-tree.ts'

const code = readSources(['src', 'connectors', 'policies'])
const outside = (path: string) => code.filter((file) => file.path !== path)

/** What `pick` finds in the files. */
function found(files: readonly SourceFile[], pick: (node: ts.Node) => string | undefined) {
  const all = new Set<string>()
  for (const { tree } of files)
    walk(tree, (node) => {
      const name = pick(node)
      if (name !== undefined) all.add(name)
    })
  return all
}

const missing = (declared: readonly string[], used: ReadonlySet<string>) =>
  declared.filter((name) => !used.has(name))

test('every metric of the table is set somewhere', () => {
  const set = found(outside('src/platform/metric-table.ts'), (node) => {
    if (!ts.isStringLiteral(node) || !ts.isCallExpression(node.parent)) return undefined
    const verb = /\b(count|gauge|observe|raise|raiseSaved)$/.exec(node.parent.expression.getText())
    return verb ? node.text : undefined
  })
  expect(missing(Object.keys(metricTable), set)).toEqual([])
})

test('every limit of the table is read somewhere', () => {
  const read = found(outside('src/platform/limits.ts'), (node) =>
    ts.isIdentifier(node) ? node.text : undefined,
  )
  expect(missing(Object.keys({ ...limitTable, ...innerLimits }), read)).toEqual([])
})

test('every connector can be chosen in a config', () => {
  const folders = trackedFiles().flatMap((path) => /^connectors\/([^/]+)\//.exec(path)?.[1] ?? [])
  const named = new Set(Object.keys({ ...sources, ...sinks.dead_letters, ...sinks.predictions }))
  // `memory` is for those who embed the daemon, and for tests.
  const others = [...new Set(folders)].filter((name) => name !== 'memory')
  expect([...named].sort()).toEqual(others.sort())
})

test('every optional hook is connected by some part of the program', () => {
  const hooks = found(code, (node) =>
    ts.isPropertySignature(node) && node.questionToken && /^on[A-Z]/.test(node.name.getText())
      ? node.name.getText()
      : undefined,
  )
  const connected = found(code, (node) =>
    (ts.isPropertyAssignment(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isShorthandPropertyAssignment(node)) &&
    ts.isObjectLiteralExpression(node.parent)
      ? node.name.getText()
      : undefined,
  )
  expect(missing([...hooks], connected)).toEqual([])
})

// ── Documents ──

const documents = trackedFiles()
  .filter((path) => /\.(md|yaml|yml|service)$/.test(path))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const fixes = {
  path: 'src/platform/errors.ts',
  text: Object.values(errorTable)
    .map((row) => Object.values(row).join(' '))
    .join('\n'),
}

/** `path: what` of everything that matches and is not known. */
function unknown(
  files: readonly { readonly path: string; readonly text: string }[],
  pattern: RegExp,
  isKnown: (...groups: string[]) => boolean,
): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)]
      .filter(([, ...groups]) => !isKnown(...groups))
      .map(([all]) => `${path}: ${all}`),
  )
}

test('every metric that a document names exists', () => {
  const names = new Set<string>(Object.values(metricTable).map(({ name }) => name))
  const isKnown = (name: string) => names.has(name.replace(/_(bucket|sum|count)$/, ''))
  expect(unknown(documents, /\b(antikythera_(?!token\b)[a-z_]+)\b/g, isKnown)).toEqual([])
})

/** The words of a file's messages: no code, no comments. */
function textsIn(tree: ts.Node): string {
  const texts: string[] = []
  walk(tree, (node) => {
    if (
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node)
    )
      texts.push(node.text)
  })
  return texts.join('\n')
}

test('every limit that a document, an error or a message names can be set', () => {
  const messages = code.map(({ path, tree }) => ({ path, text: textsIn(tree) }))
  const isKnown = (name: string) => name === 'ts' || Object.hasOwn(limitTable, name)
  const changes = documents.filter(({ path }) => path !== 'CHANGELOG.md')
  expect(
    unknown(
      [...changes, fixes, ...messages],
      /(?<=^|[\s`('])limits\.([a-z_]+)(?![a-zA-Z])/gm,
      isKnown,
    ),
  ).toEqual([])
})

test('every command that a document or an error names exists, with its subcommand and flags', () => {
  const program = createProgram()
  const isKnown = (words: string) => faultOf(program, words.trim().split(/\s+/)) === undefined
  // A command stands at the start of a code span, of a line of code, or after npx.
  const pattern =
    /(?:`|^ {4}|^(?=antikythera )|npx )(?:npx )?antikythera ((?:[a-z][a-z-]*|--?[a-z][a-z-]*)[^`\n|]*)/gm
  expect(unknown([...documents, fixes], pattern, isKnown)).toEqual([])
})

/** The first word that `command` does not know. */
function faultOf(command: Command, [word = '', ...rest]: readonly string[]): string | undefined {
  const next = command.commands.find(
    (each) => each.name() === word || each.aliases().includes(word),
  )
  if (next !== undefined) return faultOf(next, rest)
  if (command.parent === null && /^[a-z]/.test(word)) return word
  if (command.commands.length > 0 && /^[a-z][a-z-]+$/.test(word)) return word
  const flags = [word, ...rest].join(' ').match(/(?<=^|[\s[|(])--[a-z][a-z_-]*/g) ?? []
  const known = new Set(command.options.flatMap(({ long }) => (long ? [long] : [])))
  return flags.find((flag) => !known.has(flag) && flag !== '--help')
}

test('every route that a document or an error names exists', async () => {
  const described = (await describedRoutes()).map((route) => route.split(' ')[1]!)
  const plain = (path: string) => path.replace(/\{[^}]*\}|:[a-z]+/g, '*')
  const routes = new Set(described.map(plain))
  const isKnown = (path: string) => {
    const parts = path.split('/')
    return [...routes].some((route) => {
      const wanted = route.split('/')
      return (
        wanted.length === parts.length &&
        wanted.every((part, at) => part === '*' || part === parts[at] || parts[at] === '…')
      )
    })
  }
  expect(
    unknown([...documents, fixes], /(\/v1\/models\/[\w{}/.-]+[\w}])/g, (path) => isKnown(path)),
  ).toEqual([])
})

test('every policy that a document chooses exists', () => {
  const kinds = Object.keys(policies).join('|')
  const isKnown = (kind: string, name: string) =>
    Object.hasOwn(policies[kind as keyof typeof policies], name)
  const pattern = new RegExp(
    `(?<=[\`{,] ?|^ +|# +)(${kinds}): (?:\\{ policy: )?([a-z][a-z+-]+)\\b`,
    'gm',
  )
  expect(
    unknown(
      documents.filter(({ path }) => path.startsWith('deploy/')),
      pattern,
      isKnown,
    ),
  ).toEqual([])
})

test('the help of bench names the benchmarks that there are', () => {
  const text = readFileSync(join(root, 'test/bench/run.mjs'), 'utf8')
  const [, all = ''] = /const ALL = {([^;]*?)\n?}\n/.exec(text) ?? []
  expect(BENCHES).toEqual([...all.matchAll(/^ +'?([a-z-]+)'?:/gm)].map(([, word]) => word))
  const files = Object.entries(TABLES).flatMap(([room, tables]) =>
    tables.map((table) => `test/bench/${room}/${table}.mjs`),
  )
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([])
})
