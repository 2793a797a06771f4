/**
 * Compares certificates of forgetting with the moves that ended their requests, in this process: the daemon shows both, and
 * is not asked whether they are right.
 */
import { certificateHash } from '../../checkpoint/certificates.ts'
import type { Certificate, ModelClient, PastMove } from '../../client/client.ts'
import type { Routing } from '../../versions/contract.ts'

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

export function proofOf(certificate: Certificate, hashes: CertificateHashes): CertificateProof {
  const hash = hashes.get(certificate.request)
  if (hash === undefined) return 'unrecorded'
  return hash === certificateHash({ ...certificate }) ? 'recorded' : 'altered'
}

export function certificateMoveIn(move: PastMove): readonly (readonly [string, string])[] {
  const { certificate } = (move.asks ?? {}) as { readonly certificate?: CertificateMove }
  return certificate === undefined ? [] : [[certificate.request, certificate.hash]]
}

/** The move follows the generation that the certificate names, unless others came between. */
const NEAR = 50

export async function proofNear(
  api: ModelClient,
  certificate: Certificate,
): Promise<CertificateProof> {
  const { generation } = certificate
  if (generation === undefined) return 'unrecorded'
  const before = String(generation + NEAR + 1)
  const { moves } = await api.history({ limit: String(NEAR), before })
  return proofOf(certificate, new Map(moves.flatMap(certificateMoveIn)))
}

/** Those that the daemon still shows, at most one page. */
export async function shownCertificates(api: ModelClient): Promise<readonly Certificate[]> {
  const { requests } = await api.forgetRequests({ limit: '100' })
  return requests.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate]))
}
