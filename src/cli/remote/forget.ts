/** Asks the daemon to forget events, follows it, and prints the certificate. */
import { setTimeout as sleep } from 'node:timers/promises'
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { systemClock } from '../../platform/clock.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { openProgress } from '../progress.ts'
import type { ForgetForecast, ForgetRequest, ModelClient } from '../../client/client.ts'
import { alteredFix, proofNear, type CertificateProof } from './history.ts'
import { connectModel } from './connect.ts'

export interface ForgetFlags extends ClientFlags {
  readonly source?: string
  readonly id?: string
  readonly before?: string
  readonly keepServing?: boolean
  readonly dryRun?: boolean
  readonly reason?: string
  readonly wait: boolean
  readonly show?: string
}

const POLL_MS = 500

export async function forget(flags: ForgetFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { source, id, before, show } = flags
  if (show !== undefined) {
    const answer = await api.forgetRequest(show)
    said(answer, flags, await provenIn(api, answer))
    return
  }
  if (source === undefined && id === undefined && before === undefined) return list(api, flags)
  const asked = {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(before !== undefined && { before }),
    ...(flags.keepServing === true && { keep_serving: true }),
    ...(flags.reason !== undefined && { reason: flags.reason }),
  }
  if (flags.dryRun === true) {
    forecast(await api.forgetForecast(asked), flags)
    return
  }
  if (flags.json !== true) await warn(async () => api.forgetForecast(asked))
  const { request } = await api.forget(asked)
  if (!flags.wait) {
    print(flags.json, { request }, () => [`request ${request} is accepted`])
    return
  }
  said(await done(api, request), flags)
}

/** Before it is asked: the pins that it overrides, and the version that answers until the rest is learned again. */
async function warn(ahead: () => Promise<ForgetForecast>): Promise<void> {
  const expected = await ahead().catch((error: unknown) => {
    // A busy trainer keeps no request from being made; its effects are in the certificate.
    if (error instanceof CodedError && error.code === 'TRAINER_BUSY') return undefined
    throw error
  })
  const {
    learned,
    unpinned = [],
    answers_meanwhile: meanwhile,
  }: Partial<ForgetForecast> = expected ?? {}
  const lines = [
    ...(unpinned.length === 0
      ? []
      : [`pinned, and loses its bytes all the same: ${unpinned.join(', ')}`]),
    ...(learned === true ? [`until the rest is learned again ${answers(meanwhile)}`] : []),
  ]
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`)
}

function answers(meanwhile: string | undefined): string {
  return meanwhile === undefined
    ? 'a new version answers, without what is forgotten'
    : `${meanwhile} answers`
}

function forecast(expected: ForgetForecast, { json }: ForgetFlags): void {
  const { erased, learned, retired, learned_again, events_lost } = expected
  const { unpinned = [], answers_meanwhile: meanwhile } = expected
  print(json, expected, () => [
    'dry run, nothing has changed:',
    ...table([
      ...Object.entries(erased).map(([store, count]) => [
        store === 'events' ? '  events' : `  in ${store}`,
        String(count),
      ]),
      ...subtractedRow(expected.subtracted),
      ['  learned again', String(learned_again)],
      ['  versions to retire', retired.join(', ') || 'none'],
      ...(unpinned.length === 0 ? [] : [['  of these pinned', unpinned.join(', ')]]),
      ['  rebuilt from', isRebuilt(expected) ? rebuiltFrom(expected) : 'nothing to rebuild'],
      ...(learned ? [['  until then', answers(meanwhile)]] : []),
    ]),
    ...(events_lost === 0
      ? []
      : [
          `lost: ${events_lost} events that have fallen out of the event log (limits.event_log) cannot be learned again`,
        ]),
  ])
}

function isRebuilt({ learned, subtracted }: ForgetForecast): boolean {
  return learned && subtracted === undefined
}

function subtractedRow(subtracted: number | undefined): readonly (readonly string[])[] {
  return subtracted === undefined ? [] : [['  subtracted from the sums', String(subtracted)]]
}

function rebuiltFrom({ from, has_state }: ForgetForecast): string {
  if (from === undefined) return 'a fresh adapter'
  return has_state ? from : `the weights of ${from}; its optimizer and replay are not kept`
}

async function done(api: ModelClient, request: string): Promise<ForgetRequest> {
  const progress = openProgress({ clock: systemClock, unit: 'events learned again' })
  let waited = false
  try {
    for (;;) {
      const answer = await find(api, request)
      if (answer?.state === 'done') return answer
      const known: Partial<ForgetRequest> = answer ?? {}
      const { learned_again: total = 0, left = total, ...more } = known
      const { blocked, waiting_for: wait } = more
      if (blocked !== undefined) throw blockedBy(blocked)
      if (wait !== undefined && !waited) progress.say(waitingFor(wait))
      waited = wait !== undefined
      if (total > 0 && !waited) progress.update({ done: total - left, total, items: total - left })
      await sleep(POLL_MS)
    }
  } finally {
    progress.end()
  }
}

function waitingFor(what: string): string {
  return what === 'budget'
    ? 'learning again waits until the budget of the hour has room'
    : 'learning again waits: learning is paused, antikythera resume goes on'
}

function blockedBy({ code, message, fix }: Required<ForgetRequest>['blocked']): CodedError {
  const why = `the request is kept, and goes on when its trainer works again: ${message}`
  return new CodedError(code, why, { fix })
}

/** An earlier daemon does not know a request that its trainer has not read. */
async function find(api: ModelClient, request: string): Promise<ForgetRequest | undefined> {
  try {
    return await api.forgetRequest(request)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'FORGET_UNKNOWN')
      return undefined
    throw error
  }
}

async function list(api: ModelClient, { json }: ForgetFlags): Promise<void> {
  const answer = await api.forgetRequests()
  const { requests } = answer
  print(json, answer, () =>
    requests.length === 0
      ? ['nothing was asked to be forgotten']
      : table([['request', 'state'], ...requests.map((each) => [each.request, stateOf(each)])]),
  )
}

function stateOf({ state, blocked, waiting_for: wait }: ForgetRequest): string {
  if (blocked !== undefined) return `${state}: the trainer has failed`
  return wait === undefined ? state : `${state}: ${waitingFor(wait)}`
}

/** `HISTORY_BROKEN` where the history has the hash of another certificate. */
async function provenIn(api: ModelClient, { certificate, request }: ForgetRequest) {
  if (certificate === undefined) return undefined
  const proof = await proofNear(api, certificate)
  if (proof !== 'altered') return proof
  const model = api.name
  const text = `the certificate of ${request} is not the one that the history of ${model} has the hash of`
  throw failure('HISTORY_BROKEN', text, {
    details: { model, certificates: [request] },
    fix: alteredFix,
  })
}

function said(answer: ForgetRequest, { json }: ForgetFlags, proof?: CertificateProof): void {
  const { request, state, certificate, blocked, ...more } = answer
  const { waiting_for: wait, left = 0, learned_again = 0, events_lost = 0 } = more
  const { unpinned = [], answers_meanwhile: meanwhile } = more
  print(json, { ...answer, ...(proof !== undefined && { proof }) }, () => {
    if (certificate === undefined)
      return [
        state === 'asked'
          ? `${request}: asked; the trainer has not begun it`
          : `${request}: ${state}, ${left} of ${learned_again} events are still to be learned again`,
        ...(meanwhile === undefined ? [] : [`  until then ${answers(meanwhile)}`]),
        ...(unpinned.length === 0 ? [] : [`  no longer pinned: ${unpinned.join(', ')}`]),
        ...(wait === undefined ? [] : [`  ${waitingFor(wait)}`]),
        ...(blocked ? [`  the trainer has failed: ${blocked.message}; fix: ${blocked.fix}`] : []),
        ...(events_lost === 0
          ? []
          : [`  on a fresh adapter: ${events_lost} events had fallen out of the event log`]),
      ]
    const { erased, versions } = certificate
    const rows = [
      ...Object.entries(erased).map(([store, count]) => [`  erased from ${store}`, String(count)]),
      ...subtractedRow(certificate.subtracted),
      ['  learned again', String(certificate.learned_again)],
      ['  versions retired', versions.retired.join(', ') || 'none'],
      ...(versions.unpinned ? [['  of these pinned', versions.unpinned.join(', ')]] : []),
      ...(versions.answered_meanwhile === undefined
        ? []
        : [['  answered meanwhile', versions.answered_meanwhile]]),
      ...(certificate.events_lost === undefined
        ? []
        : [['  lost, on a fresh adapter', String(certificate.events_lost)]]),
      ...(versions.rebuilt ? [['  rebuilt in', versions.rebuilt.version]] : []),
    ]
    const kept = certificate.not_erased.flatMap(({ what, why, before = {} }) => [
      `  ${what}: ${why}`,
      ...Object.entries(before).map(([partition, position]) => `    ${partition}: ${position}`),
    ])
    const proofs = {
      recorded: [
        '  its hash is in the history of moves (antikythera history --verify checks that)',
      ],
      unrecorded: ['  no move proves it: an earlier release made it, or it is not the daemon’s'],
    }
    const proven = proof === undefined || proof === 'altered' ? [] : proofs[proof]
    return [`${request}: ${state}`, ...proven, ...table(rows), 'not erased:', ...kept]
  })
}

/** Retracts events through the daemon: one by its id, or all from a source. */
export interface RetractFlags extends ClientFlags {
  readonly source?: string
  readonly id?: string
  readonly since?: string
}

export async function retract(flags: RetractFlags): Promise<void> {
  const { source, id, since } = flags
  if (source === undefined && id === undefined) throw failure('USAGE', 'give --source, or --id')
  if (since !== undefined && id !== undefined)
    throw failure('USAGE', '--since goes with a --source, not with an --id')
  const { api } = await connectModel(flags)
  const answer = await api.feedback({
    retract: true,
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(since !== undefined && { since }),
  })
  const what = id === undefined ? `everything of ${source ?? ''}` : `the event ${id}`
  const retracted = since === undefined ? what : `${what} since ${since}`
  print(flags.json, answer, () => [
    answer.accepted === 1
      ? `accepted: ${retracted} is retracted when the trainer reads this`
      : 'already known',
  ])
}
