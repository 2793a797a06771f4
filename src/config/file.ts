/**
 * A configuration file: YAML 1.2 (and so JSON) to plain values, with the line and column of every entry. A duplicate
 * key is an error, because one of the two was meant to be another key.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isMap, isNode, isSeq, LineCounter, parseDocument, type Document } from 'yaml'
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
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault) throw malformed(name, lines, fault.pos[0], fault.message)
  return {
    tree: valuesOf(document, name),
    placeOf: (path, at) => place(name, lines, offsetOf(document, path, at)),
  }
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
    const { key, value } = entryOf(node, part)
    const isLast = depth === path.length - 1
    const found =
      isLast && at === 'value' ? (startOf(value) ?? startOf(key)) : (startOf(key) ?? startOf(value))
    offset = found ?? offset
    node = value
  })
  return offset
}

function entryOf(node: unknown, part: string | number): { key?: unknown; value?: unknown } {
  if (isSeq(node)) return { value: node.items[Number(part)] }
  if (!isMap(node)) return {}
  const pair = node.items.find(({ key }) => String(key) === String(part))
  return pair ? { key: pair.key, value: pair.value } : {}
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}
