/**
 * `manifest.json`: the description of a version, with a digest that covers it. The digest covers every field but
 * `created`, `compute` and `trace`, which may be others each time the same version is made, (and itself), and through
 * `files` every byte of the version.
 */
import { Type, type TProperties, type TSchema } from 'typebox'
import { Errors } from 'typebox/schema'
import type { Json } from '../contracts/core.ts'
import type { Manifest, ManifestDraft } from './contract.ts'
import { digestOf } from '../platform/canonical-json.ts'
import { failure, invariant } from '../platform/errors.ts'

export const MANIFEST_FILE = 'manifest.json'

/** Completes the manifest of a draft that has become these files (sha256 by name). */
export function seal(
  { model, version, ...draft }: ManifestDraft,
  files: Readonly<Record<string, string>>,
  created: string,
): Manifest {
  const sealing = { model, version, digest: '', ...draft, files, created }
  const value = written({ format: 1, ...sealing })
  const sealed = { ...value, digest: contentDigest(value) }
  const [, [wrong]] = Errors(schema, partsOf(sealed).core)
  invariant(wrong === undefined, `manifest${wrong?.instancePath ?? ''} ${wrong?.message ?? ''}`)
  return manifestIn(sealed)
}

/** The manifest in these bytes, if it is valid and matches its digest; otherwise VERSION_CORRUPT. */
export function readManifest(bytes: Uint8Array, version: string): Manifest {
  const value = parse(bytes, version)
  const [, [wrong]] = Errors(schema, isObject(value) ? partsOf(value).core : value)
  if (wrong !== undefined) {
    throw corrupt(version, MANIFEST_FILE, `${wrong.instancePath || '/'} ${wrong.message}`)
  }
  const manifest = manifestIn(value as JsonObject)
  if (manifest.version !== version) {
    throw corrupt(version, MANIFEST_FILE, `it is the manifest of ${manifest.version}`)
  }
  if (manifest.digest !== contentDigest(value as JsonObject)) {
    throw corrupt(version, MANIFEST_FILE, 'its digest is of another content')
  }
  return manifest
}

/** In one line, as the ledger keeps it. */
export function manifestText(manifest: Manifest): string {
  return JSON.stringify(written(manifest))
}

export function manifestBytes(manifest: Manifest): Uint8Array {
  const known = bytesOfManifests.get(manifest)
  if (known !== undefined) return known
  const bytes = new TextEncoder().encode(`${JSON.stringify(written(manifest), null, 2)}\n`)
  bytesOfManifests.set(manifest, bytes)
  return bytes
}

/** A manifest is written, and then counted. */
const bytesOfManifests = new WeakMap<Manifest, Uint8Array>()

export function corrupt(version: string, file: string, why: string) {
  return failure('VERSION_CORRUPT', `${version}/${file}: ${why}`, { details: { version, file } })
}

function parse(bytes: Uint8Array, version: string): Json {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json
  } catch {
    throw corrupt(version, MANIFEST_FILE, 'it is no JSON')
  }
}

const UNCOVERED: ReadonlySet<string> = new Set(['created', 'compute', 'trace', 'digest'])

function contentDigest(manifest: JsonObject): string {
  const content = Object.entries(manifest).filter(([key]) => !UNCOVERED.has(key))
  return digestOf(Object.fromEntries(content))
}

/**
 * As in the file: the task's facts as fields, without undefined ones, and with null for values that are not finite
 * numbers.
 */
function written(manifest: object): JsonObject {
  const fields = Object.entries(manifest).flatMap(([name, value]: [string, unknown]) =>
    name === 'facts' ? Object.entries(value as JsonObject) : [[name, value] as const],
  )
  return JSON.parse(JSON.stringify(Object.fromEntries(fields))) as JsonObject
}

function manifestIn(value: JsonObject): Manifest {
  const { core, facts } = partsOf(value)
  // The schema is the shape of the core, field by field.
  return { ...core, facts } as unknown as Manifest
}

/** Splits a manifest into the fields of the schema and those of the task. */
function partsOf(value: JsonObject): { readonly core: JsonObject; readonly facts: JsonObject } {
  const entries = Object.entries(value)
  return {
    core: Object.fromEntries(entries.filter(([name]) => name in fields)),
    facts: Object.fromEntries(entries.filter(([name]) => !(name in fields))),
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type JsonObject = Readonly<Record<string, Json>>

const name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
const hash = Type.String({ pattern: '^[0-9a-f]{64}$' })
const count = Type.Integer({ minimum: 0 })

/** Unknown fields are refused. */
function closed<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false })
}

/**
 * The fields that every method has. The others are settings of the method, checked against its table when the version
 * is read.
 */
const adapter = Type.Object({
  method: Type.String(),
  rank: Type.Number(),
  alpha: Type.Number(),
  tail_layers: Type.Union([Type.Number(), Type.Literal('all')]),
})

const span = Type.Record(
  Type.String(),
  Type.Record(Type.String(), Type.Tuple([Type.String(), Type.String()])),
)

const estimate = closed({ value: Type.Number(), low: Type.Number(), high: Type.Number() })

const offPolicy = closed({
  choices: count,
  ips: estimate,
  snips: Type.Number(),
  dr: estimate,
  uncovered: Type.Number(),
})

/** Fields of the core: every other field is a fact of the task. `format` distinguishes versions of this file. */
const fields = {
  format: Type.Literal(1),
  model: name,
  version: name,
  digest: hash,
  parent: Type.Union([name, Type.Null()]),
  base: closed({
    name: Type.String(),
    hash: Type.String(),
    settings: Type.Optional(Type.String()),
  }),
  task: Type.String(),
  adapter,
  memory: Type.Optional(
    closed({
      slots: Type.Integer({ minimum: 1 }),
      items: count,
      mixture: Type.Optional(Type.Literal(true)),
      leaves: Type.Optional(Type.Integer({ minimum: 1 })),
      at_cut: Type.Optional(Type.Literal(true)),
      texts: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
  ),
  span,
  events: count,
  events_new: count,
  steps: count,
  scores: closed({
    count,
    accuracy: Type.Number(),
    accuracy_recent: Type.Number(),
    loss: Type.Number(),
  }),
  headline: Type.Optional(closed({ name: Type.String(), value: Type.Number() })),
  decision: Type.String(),
  reason: Type.String(),
  learned_from: Type.Optional(
    closed({
      sources: Type.Array(closed({ source: Type.String(), count })),
      strata: Type.Array(closed({ stratum: Type.String(), count })),
    }),
  ),
  verdicts: Type.Optional(
    Type.Array(closed({ policy: Type.String(), verdict: Type.String(), reason: Type.String() })),
  ),
  compute: Type.Optional(
    closed({ cpu_seconds: Type.Number(), evaluation_cpu_seconds: Type.Number() }),
  ),
  trace: Type.Optional(
    closed({ traceparent: Type.String(), links: Type.Array(Type.String(), { maxItems: 32 }) }),
  ),
  loss_gap: Type.Optional(
    closed({
      trained: Type.Number(),
      unseen: Type.Number(),
      gap: Type.Number(),
      from: Type.Enum(['held-out', 'prequential']),
      updates: count,
      warning: Type.Optional(Type.String()),
    }),
  ),
  slice_gap: Type.Optional(
    closed({
      best: Type.String(),
      worst: Type.String(),
      points: Type.Number(),
      low: Type.Number(),
      high: Type.Number(),
      slices: count,
    }),
  ),
  kl: Type.Optional(
    closed({
      per_token: Type.Number(),
      rows: count,
      from: Type.Enum(['held-out', 'replay', 'new']),
    }),
  ),
  off_policy: Type.Optional(
    closed({
      logged: Type.Number(),
      candidate: offPolicy,
      live: Type.Optional(offPolicy),
      harm: Type.Optional(Type.Number()),
    }),
  ),
  sums: Type.Optional(
    closed({
      digest: Type.Optional(hash),
      identity: hash,
      examples: count,
      divided: count,
      clipped: Type.Number(),
      scale: Type.Number(),
    }),
  ),
  shards: Type.Optional(Type.Array(closed({ model: name, version: name, digest: hash, span }))),
  chat_template: Type.Optional(hash),
  // Plain names: nothing outside of the version's folder is ever read.
  files: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$' }), hash, {
    additionalProperties: false,
  }),
  created: Type.String(),
} satisfies Readonly<Record<Exclude<keyof Manifest, 'facts'>, TSchema>>

/** Read as it is: to compile it took each process longer than it reads manifests. */
const schema = closed(fields)
