/**
 * Compares certificates of forgetting with the moves that ended their requests, in this process: the daemon shows both, and
 * is not asked whether they are right.
 */
import type { Json } from '../../contracts/core.ts'
import { certificateHash } from '../../checkpoint/certificates.ts'
import type { Routing } from '../../versions/contract.ts'
import { modelPath, type Client, type JsonObject } from './client.ts'

/**
 * `recorded`: a move has its hash. `altered`: a move has another hash for it. `unrecorded`: no move that is kept names it, as
 * with those of earlier releases.
 */
export type CertificateProof = 'recorded' | 'altered' | 'unrecorded'

type CertificateMove = NonNullable<NonNullable<Routing['asks']>['certificate']>

/** The moves that end requests, by request: hash of the certificate. */
export type CertificateHashes = ReadonlyMap<string, string>

export const alteredFix =
  'compare certificates/ in the folder of the model, and registry.db or the Redis of the fleet, with a backup'

export function proofOf(certificate: JsonObject, hashes: CertificateHashes): CertificateProof {
  const hash = hashes.get(nameOf(certificate))
  if (hash === undefined) return 'unrecorded'
  return hash === certificateHash(certificate) ? 'recorded' : 'altered'
}

/** The request that it is of. */
export function nameOf({ request }: JsonObject): string {
  return typeof request === 'string' ? request : ''
}

export function certificateMoveIn(move: JsonObject): readonly (readonly [string, string])[] {
  const { certificate } = (move.asks ?? {}) as { readonly certificate?: CertificateMove }
  return certificate === undefined ? [] : [[certificate.request, certificate.hash]]
}

/** The move follows the generation that the certificate names, unless others came between. */
const NEAR = 50

export async function proofNear(
  client: Client,
  model: string,
  certificate: JsonObject,
): Promise<CertificateProof> {
  const { generation } = certificate
  if (typeof generation !== 'number') return 'unrecorded'
  const query = `?limit=${NEAR}&before=${generation + NEAR + 1}`
  const page = await client.get(`${modelPath(model, 'history')}${query}`)
  const moves = page.moves as readonly JsonObject[]
  return proofOf(certificate, new Map(moves.flatMap(certificateMoveIn)))
}

/** Those that the daemon still shows, at most one page. */
export async function shownCertificates(
  client: Client,
  model: string,
): Promise<readonly JsonObject[]> {
  const { requests } = await client.get(`${modelPath(model, 'forget')}?limit=100`)
  return (requests as readonly Readonly<Record<string, Json>>[]).flatMap(({ certificate }) =>
    certificate === undefined ? [] : [certificate as JsonObject],
  )
}
