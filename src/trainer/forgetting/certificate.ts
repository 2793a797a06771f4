/**
 * The certificate of a request to forget: what was asked, what was removed from which store, what was rebuilt, and
 * what lies outside this daemon.
 */
import { hash } from 'node:crypto'
import type { Certificate } from '../../checkpoint/certificates.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'

/** A place that may still have the events, and why nothing here can change that. */
export interface NotErased {
  readonly what: string
  readonly why: string
  /** The exact place: for each source, how far each of its partitions was read. */
  readonly before?: Readonly<Record<string, string>>
}

export interface CertificateFacts {
  readonly model: string
  /** The digest of the version that has learned the rest. */
  readonly digest: string | undefined
  readonly notErased: readonly NotErased[]
}

export function certificateOf(task: ForgetTask, facts: CertificateFacts): Certificate {
  const { asked, atMs, doneMs, reason, actor, counts, retired, from, rebuilt } = task
  const { generation, again, learnedAgain = again, unpinned, meanwhile } = task
  const { source, id, beforeMs, request } = asked
  const meant = {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(beforeMs !== undefined && { before: timeOf(beforeMs) }),
  }
  const order = { request, model: facts.model, asked: meant, requested_at: timeOf(atMs) }
  return {
    format: 1,
    ...order,
    request_hash: hash('sha256', canonicalJson(order)),
    reason,
    ...(actor !== undefined && { by: actor }),
    ...(doneMs !== null && { completed_at: timeOf(doneMs) }),
    erased: counts,
    learned_again: learnedAgain,
    versions: {
      retired: [...retired].sort(byNumber),
      ...(unpinned && { unpinned: [...unpinned].sort(byNumber) }),
      ...(meanwhile !== undefined && { answered_meanwhile: meanwhile }),
      ...(from !== null && { from }),
      ...(rebuilt !== null && { rebuilt: { version: rebuilt, digest: facts.digest ?? '' } }),
    },
    ...(generation !== undefined && { generation }),
    ...(task.isBeyondLog && { beyond_event_log: true }),
    ...(task.lost !== undefined && { events_lost: task.lost }),
    not_erased: facts.notErased.map((each) => ({ ...each })),
  }
}

/** v2 before v10. */
const byNumber = new Intl.Collator('en', { numeric: true }).compare

export function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
