/**
 * Values that override the file: environment variables (`ANTIKYTHERA_SERVER__PORT`), and above them flags (`--set
 * server.port=9090`). Both name one key and give text; the schema decides its type.
 */
import { parse } from 'yaml'
import { failure } from '../platform/errors.ts'
import { editDistance, nearest } from '../platform/nearest.ts'
import type { Path } from './problem.ts'
import { isRecord } from './schema/shape.ts'
import { UnparsedText } from './unparsed.ts'

interface Override {
  /** As the user wrote it, for messages. */
  readonly name: string
  readonly segments: readonly string[]
  readonly text: string
}

const PREFIX = 'ANTIKYTHERA_'
/** The variable that every program with OpenTelemetry knows. */
const COLLECTOR = 'OTEL_EXPORTER_OTLP_ENDPOINT'

/**
 * Two underscores mean one level down. A variable without a level that is not a top-level key is not ours: Kubernetes
 * makes ANTIKYTHERA_SERVICE_HOST and ANTIKYTHERA_PORT from a service's name. A near miss is a misspelling.
 */
export function environmentOverrides(
  environment: Readonly<Record<string, string | undefined>>,
  topLevel: readonly string[],
): Override[] {
  const collector = environment[COLLECTOR]
  const own = Object.entries(environment)
    .filter(([name]) => name.startsWith(PREFIX))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, text = '']) => {
      const segments = name.slice(PREFIX.length).toLowerCase().split('__')
      const [first = ''] = segments
      if (segments.length === 1 && !topLevel.includes(first))
        return refuseMisspelt(name, first, topLevel)
      return [{ name, segments, text }]
    })
  if (!collector) return own
  return [{ name: COLLECTOR, segments: ['telemetry', 'otlp'], text: collector }, ...own]
}

function refuseMisspelt(name: string, first: string, topLevel: readonly string[]): [] {
  const near = nearest(first, topLevel)
  if (near === undefined || editDistance(near, first) > 2) return []
  const meant = `${PREFIX}${near.toUpperCase()}`
  throw failure('CONFIG_UNKNOWN_KEY', `environment variable ${name}: did you mean ${meant}?`, {
    details: { variable: name, nearest: meant },
  })
}

/** `key.path=value`, as a user gives it to `--set`. */
export function flagOverride(flag: string): Override {
  const [, key, text] = /^([^=]+)=(.*)$/s.exec(flag) ?? []
  if (key === undefined || text === undefined)
    throw failure('USAGE', `--set ${flag}: expected key.path=value`)
  return { name: `--set ${key}`, segments: key.split('.'), text }
}

interface OverriddenTree {
  readonly tree: unknown
  /** The override that set the value at a path, if any. */
  overrideOf(path: Path): Override | undefined
}

/** Later overrides win. */
export function applyOverrides(tree: unknown, overrides: readonly Override[]): OverriddenTree {
  const decided: { readonly path: Path; readonly override: Override }[] = []
  let result = tree
  for (const override of overrides) {
    const path = realPath(result, override.segments)
    result = withValue(result, path, new UnparsedText(override.text, parse))
    decided.unshift({ path, override })
  }
  const isInside = (inner: Path, outer: Path) => sharedDepth(inner, outer) === outer.length
  return {
    tree: result,
    overrideOf: (path) => {
      const depth = depthIn(tree, path)
      const made = ({ path: own }: { readonly path: Path }) =>
        sharedDepth(path, own) > depth || (depth === path.length && isInside(own, path))
      return (decided.find((each) => isInside(path, each.path)) ?? decided.find(made))?.override
    },
  }
}

/** How many parts of a path exist in the file: a problem in a section that only an override opened is the override's. */
function depthIn(tree: unknown, path: Path): number {
  let node = tree
  const missing = path.findIndex((part) => {
    node = isRecord(node) || Array.isArray(node) ? (node as Tree)[part] : undefined
    return node === undefined
  })
  return missing < 0 ? path.length : missing
}

type Tree = Readonly<Record<string | number, unknown>>

function sharedDepth(path: Path, other: Path): number {
  const differs = path.findIndex((part, index) => String(other[index]) !== String(part))
  return differs < 0 ? path.length : differs
}

/** Variables cannot contain dashes or dots: `my_model` finds the model `my-model` if the file has it. */
function realPath(tree: unknown, segments: readonly string[]): string[] {
  let node = tree
  return segments.map((segment) => {
    const keys = isRecord(node) ? Object.keys(node) : []
    const plain = (key: string) => key.toLowerCase().replaceAll(/[-.]/g, '_')
    const key =
      keys.find((each) => each === segment) ??
      keys.find((each) => plain(each) === segment) ??
      segment
    node = isRecord(node) || Array.isArray(node) ? (node as Tree)[key] : undefined
    return key
  })
}

function withValue(tree: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(tree) && /^\d+$/.test(key) && Number(key) <= tree.length) {
    const items: unknown[] = [...(tree as readonly unknown[])]
    items[Number(key)] = withValue(items[Number(key)], rest, value)
    return items
  }
  const fields = isRecord(tree) && !(tree instanceof UnparsedText) ? tree : {}
  const inner = Object.hasOwn(fields, key) ? fields[key] : undefined
  return { ...fields, [key]: withValue(inner, rest, value) }
}
