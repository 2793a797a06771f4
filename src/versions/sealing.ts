/** Turns a draft into a version (its files, their hashes, its digest), and checks whether a version belongs here. */
import type { Clock, Tensors } from '../contracts/core.ts'
import type { Manifest, Version, VersionDraft } from './contract.ts'
import { failure } from '../platform/errors.ts'
import { seal } from './manifest.ts'
import { sha256 } from './local/version-folder.ts'

/** Converts a version's parameters to files and back; the registry knows no method. */
export interface Bundle {
  write(draft: VersionDraft): ReadonlyMap<string, Uint8Array>
  read(files: ReadonlyMap<string, Uint8Array>, manifest: Manifest): Tensors
  /** More files for an exported version, such as its README; absent = none. */
  describe?(version: Version): ReadonlyMap<string, Uint8Array>
  /** Whether `read` takes a version that was made on another base. */
  goesOn?(manifest: Manifest): boolean
}

/** The model that a registry holds versions of. */
export interface Origin {
  readonly model: string
  readonly base: Manifest['base']
  readonly task: string
}

export interface SealedVersion {
  readonly manifest: Manifest
  readonly files: ReadonlyMap<string, Uint8Array>
}

export function sealVersion(
  draft: VersionDraft,
  parts: { readonly bundle: Bundle; readonly clock: Clock },
): SealedVersion {
  checkFinite(draft.manifest, draft.parameters)
  const files = parts.bundle.write(draft)
  const hashes = Object.fromEntries([...files].map(([name, bytes]) => [name, sha256(bytes)]))
  const created = new Date(parts.clock.nowMs()).toISOString()
  return { manifest: seal(draft.manifest, hashes, created), files }
}

/** A version of another model, base or task would answer nonsense without any error. */
export function checkOrigin(
  manifest: Manifest,
  { model, base, task, bundle }: Origin & { readonly bundle: Pick<Bundle, 'goesOn'> },
): void {
  const isOther = manifest.base.hash !== base.hash && bundle.goesOn?.(manifest) !== true
  const differences = [
    ['model', model, manifest.model],
    ['base', base.hash, isOther ? manifest.base.hash : base.hash],
    ['task', task, manifest.task],
  ] as const
  const difference = differences.find(([, wanted, found]) => wanted !== found)
  if (difference === undefined) return
  const [field, wanted, found] = difference
  const { version } = manifest
  throw failure('VERSION_FOREIGN', `${version} was made for ${field} ${found}, not ${wanted}`, {
    details: { version, field, wanted, found },
  })
}

/** Reads a version from its files. Throws unless it can answer: every tensor is there, and finite. */
export function openVersion(
  { manifest, files }: SealedVersion,
  { bundle }: { readonly bundle: Pick<Bundle, 'read'> },
): Version {
  const parameters = bundle.read(files, manifest)
  checkFinite(manifest, parameters)
  return { manifest, parameters }
}

/**
 * A version with a NaN or an infinity in any tensor would answer only that: it is never published, made live or loaded.
 * Throws VERSION_NOT_FINITE with the tensor's name.
 */
export function checkFinite(
  { version, scores }: Pick<Manifest, 'version' | 'scores'>,
  parameters: Tensors,
): void {
  const score = Object.entries(scores).find(([, value]) => !Number.isFinite(value))
  const found = score?.[0] ?? [...parameters].find(([, { data }]) => !isFinite(data))?.[0]
  if (found === undefined) return
  const message = `${version}: ${found} holds a number that is not finite`
  throw failure('VERSION_NOT_FINITE', message, { details: { version, tensor: found } })
}

/** 0 · x is NaN for every x that is not finite, so that a sum finds them all at the cost of one pass. */
function isFinite(data: Float32Array): boolean {
  let sum = 0
  for (const value of data) sum += 0 * value
  return sum === 0
}
