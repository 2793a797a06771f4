/**
 * `manifest.json`: what a version is, in a form that proves itself. The digest covers every field but `created` (and
 * itself), and through `files` every byte of the version.
 */
import { Type, type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { AdapterConfig } from '../contracts/adapter.ts'
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
  const value = toJson({ format: 1, ...sealing })
  const sealed = { ...value, digest: contentDigest(value) }
  const [wrong] = schema.Errors(sealed)
  invariant(wrong === undefined, `manifest${wrong?.instancePath ?? ''} ${wrong?.message ?? ''}`)
  return sealed as unknown as Manifest
}

/** The manifest in these bytes, if it is one and says the truth about itself; else VERSION_CORRUPT. */
export function readManifest(bytes: Uint8Array, version: string): Manifest {
  const value = parse(bytes, version)
  const [wrong] = schema.Errors(value)
  if (wrong !== undefined) {
    throw corrupt(version, MANIFEST_FILE, `${wrong.instancePath || '/'} ${wrong.message}`)
  }
  // The schema is the shape of Manifest, field by field.
  const manifest = value as unknown as Manifest
  if (manifest.version !== version) {
    throw corrupt(version, MANIFEST_FILE, `it is the manifest of ${manifest.version}`)
  }
  if (manifest.digest !== contentDigest(value as JsonObject)) {
    throw corrupt(version, MANIFEST_FILE, 'its digest is of another content')
  }
  return manifest
}

export function manifestBytes(manifest: Manifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`)
}

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

function contentDigest(manifest: JsonObject): string {
  const content = Object.entries(manifest).filter(([key]) => key !== 'created' && key !== 'digest')
  return digestOf(Object.fromEntries(content))
}

/** As it will be read again: without undefined fields, and with null for what is no number. */
function toJson(manifest: unknown): JsonObject {
  return JSON.parse(JSON.stringify(manifest)) as JsonObject
}

type JsonObject = Readonly<Record<string, Json>>

const name = Type.String({ pattern: '^[a-z0-9][a-z0-9._-]{0,63}$' })
const hash = Type.String({ pattern: '^[0-9a-f]{64}$' })
const count = Type.Integer({ minimum: 0 })

/** Unknown fields are refused: `format` tells versions of this file apart. */
function closed<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false })
}

const adapter = {
  method: Type.String(),
  rank: Type.Number(),
  alpha: Type.Number(),
  tail_layers: Type.Union([Type.Number(), Type.Literal('all')]),
  sites: Type.Optional(Type.Array(Type.String())),
  rslora: Type.Optional(Type.Boolean()),
  dropout: Type.Optional(Type.Number()),
  ranks: Type.Optional(Type.Record(Type.String(), Type.Number())),
  layers: Type.Optional(Type.Array(Type.Number())),
  positions: Type.Optional(
    closed({ first: Type.Optional(Type.Number()), last: Type.Optional(Type.Number()) }),
  ),
  placement: Type.Optional(Type.String()),
  depth: Type.Optional(Type.Number()),
  shrinkage: Type.Optional(Type.Number()),
  features: Type.Optional(Type.Number()),
  ridge: Type.Optional(Type.Number()),
} satisfies Readonly<Record<keyof AdapterConfig, TSchema>>

const schema = Compile(
  closed({
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
    labels: Type.Array(Type.String()),
    retired: Type.Optional(Type.Array(Type.String())),
    adapter: closed(adapter),
    memory: Type.Optional(closed({ slots: Type.Integer({ minimum: 1 }), items: count })),
    span: Type.Record(
      Type.String(),
      Type.Record(Type.String(), Type.Tuple([Type.String(), Type.String()])),
    ),
    events: count,
    events_new: count,
    steps: count,
    scores: closed({
      count,
      accuracy: Type.Number(),
      accuracy_recent: Type.Number(),
      loss: Type.Number(),
    }),
    decision: Type.String(),
    reason: Type.String(),
    // Plain names: nothing outside of the version's folder is ever read.
    files: Type.Record(Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9._-]*$' }), hash, {
      additionalProperties: false,
    }),
    created: Type.String(),
  }),
)
