/**
 * A configuration file: YAML 1.2 (and so JSON) to plain values, with the line and column of every entry, and with the merge
 * key `<<` of YAML 1.1, by which one model takes the settings of another. A duplicate key is an error, because one of the
 * two was meant to be another key.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Pair,
} from 'yaml'
import type { Path } from './problem.ts'
import { failure } from '../platform/errors.ts'

export interface ConfigFile {
  readonly tree: unknown
  /** `name:line:column` of a key or value, or of the nearest existing entry around it. */
  placeOf(path: Path, at: 'key' | 'value'): string
}

export function readConfigFile(path: string): ConfigFile {
  try {
    return parseConfigText(readFileSync(path, 'utf8'), basename(path))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'EACCES') throw cause
    throw failure('CONFIG_MISSING', `cannot read a configuration at ${path} (${code})`, {
      details: { path },
      cause,
    })
  }
}

export function parseConfigText(text: string, name: string): ConfigFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const [fault] = document.errors.concat(document.warnings)
  if (fault) throw malformed(name, lines, fault.pos[0], fault.message)
  const [reference] = brokenReferences(document)
  if (reference) throw malformed(name, lines, reference.offset, reference.message)
  return {
    tree: valuesOf(document, name),
    placeOf: (path, at) => place(name, lines, offsetOf(document, path, at)),
  }
}

/** Aliases of no anchor, and merges of what is no map. */
function brokenReferences(document: Document): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = []
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return
      const message = `*${alias.source} refers to no anchor &${alias.source} before it`
      found.push({ offset: startOf(alias) ?? 0, message })
    },
    Pair(_key, pair) {
      if (!isMerge(pair)) return
      const merged = mergedBy(pair, document)
      if (merged.every((node) => node === undefined || isMap(node))) return
      const message = '<< merges maps: an alias of one, as in <<: *name, or a list of them'
      found.push({ offset: startOf(pair.key) ?? 0, message })
    },
  })
  return found
}

/** Resolves aliases, and refuses a document that expands without end. */
function valuesOf(document: Document, name: string): unknown {
  try {
    return document.toJS() as unknown
  } catch (cause) {
    throw failure('CONFIG_MALFORMED', `${name}: ${String(cause)}`, { cause })
  }
}

function malformed(name: string, lines: LineCounter, offset: number, message: string) {
  const { line, col } = lines.linePos(offset)
  return failure('CONFIG_MALFORMED', `${place(name, lines, offset)}: ${message}`, {
    details: { file: name, line, column: col },
  })
}

function place(name: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset)
  return `${name}:${line}:${col}`
}

/** Descends as far as the document goes. */
function offsetOf(document: Document, path: Path, at: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  path.forEach((part, depth) => {
    const { key, value } = entryOf(resolved(node, document), part, document)
    const isLast = depth === path.length - 1
    const found =
      isLast && at === 'value' ? (startOf(value) ?? startOf(key)) : (startOf(key) ?? startOf(value))
    offset = found ?? offset
    node = value
  })
  return offset
}

/** An entry of its own comes before one that is merged, and of the merged ones the first counts. */
function entryOf(node: unknown, part: string | number, document: Document): Entry {
  if (isSeq(node)) return { value: node.items[Number(part)] }
  if (!isMap(node)) return {}
  const own = node.items.find((pair) => String(pair.key) === String(part))
  if (own) return own
  const merged = node.items.filter(isMerge).flatMap((pair) => mergedBy(pair, document))
  return (
    merged.map((each) => entryOf(each, part, document)).find(({ key }) => key !== undefined) ?? {}
  )
}

interface Entry {
  readonly key?: unknown
  readonly value?: unknown
}

function isMerge(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.source === '<<' && pair.key.type === 'PLAIN'
}

function mergedBy({ value }: Pair, document: Document): unknown[] {
  const source = resolved(value, document)
  return isSeq(source) ? source.items.map((item) => resolved(item, document)) : [source]
}

function resolved(node: unknown, document: Document): unknown {
  return isAlias(node) ? node.resolve(document) : node
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
