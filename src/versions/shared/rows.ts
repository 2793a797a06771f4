/** Rows of versions in Redis, and the errors for invalid ones. */
import type { CodedError } from '../../contracts/core.ts'
import type { Manifest } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import type { RedisReply } from '../../platform/redis/redis.ts'
import { manifestBytes, readManifest } from '../manifest.ts'

/** Under which right something is written: the epoch of a trainer's lease, or '' for a person. */
export type Epoch = string

/** A row of `manifests`, checked against its own digest and other known facts. */
export function manifestOf(row: string, version: string, digest?: string): Manifest {
  const manifest = readManifest(new TextEncoder().encode(row.slice(65)), version)
  const wanted = digest ?? row.slice(0, 64)
  if (manifest.digest === wanted) return manifest
  throw failure('VERSION_CORRUPT', `${version}: its manifest in Redis is of another content`, {
    details: { version, found: manifest.digest, wanted },
  })
}

/** As stored in `manifests`. */
export function rowOf(manifest: Manifest): string {
  return `${manifest.digest} ${new TextDecoder().decode(manifestBytes(manifest))}`
}

export function leaseLost(epoch: Epoch): CodedError {
  return failure('LEASE_LOST', `a trainer of a later lease than ${epoch} has written`, {
    details: { epoch: Number(epoch) },
  })
}

export function absent(code: 'VERSION_REMOVED' | 'VERSION_UNKNOWN', version: string): CodedError {
  const text =
    code === 'VERSION_REMOVED'
      ? `the bytes of ${version} were removed`
      : `there is no version ${version.slice(0, 64)}`
  return failure(code, text, { details: { version } })
}

export function taken({ version, digest }: Manifest): CodedError {
  return failure('VERSION_EXISTS', `${version} exists with another content`, {
    details: { version, offered: digest },
  })
}

export function cellsOf(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? (reply as readonly RedisReply[]) : []
}

/** A hash as older and newer protocols answer it: a flat list. */
export function pairsOf(reply: RedisReply): ReadonlyMap<string, string> {
  const cells = cellsOf(reply)
  const found = new Map<string, string>()
  for (let at = 0; at + 1 < cells.length; at += 2)
    found.set(String(cells[at]), String(cells[at + 1]))
  return found
}
