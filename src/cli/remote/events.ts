/** Dead letters through the daemon: lists, resends and drops them, a page at a time. */
import { failure } from '../../platform/errors.ts'
import type { Letter, LetterChoice, ResendAnswer, Receipt } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { connectModel, pagesOf } from './connect.ts'

export interface ListFlags extends ClientFlags {
  readonly last: number
  readonly code?: string
}
export interface ChoiceFlags extends ClientFlags {
  readonly code?: string
  readonly all?: true
}

/** More do not fit on a screen; `--json` has all. */
const MOST = 100

export async function listLetters(flags: ListFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { code } = flags
  const { items, last } = await pagesOf(
    async (query) => api.deadLetters({ ...query, ...(code !== undefined && { code }) }),
    (page) => page.dead_letters,
    flags.last,
  )
  const { counts } = last
  print(flags.json, { dead_letters: items, counts }, () => lines(items, counts))
}

function lines(letters: readonly Letter[], counts: Readonly<Record<string, number>>): string[] {
  if (letters.length === 0) return ['there are none']
  const head = ['id', 'time', 'code', 'source', 'position', 'reason']
  const rows = letters.map(({ id, time, code, source, position, reason }) => [
    ...[String(id), time, code, source, position],
    reason,
  ])
  const fixes = new Map(letters.map(({ code, fix }) => [code, fix]))
  return [
    ...table([head, ...rows]),
    '',
    ...Object.entries(counts).map(
      ([code, count]) => `${count} × ${code}: ${fixes.get(code) ?? ''}`,
    ),
    'antikythera dead-letters show ID prints one in full; resend sends them again',
  ]
}

export async function showLetter(id: string, flags: ClientFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const answer = await api.deadLetter(id)
  const { value, value_base64: base64 = '', ...rest } = answer
  print(flags.json, answer, () => [
    ...table(Object.entries(rest).map(([name, field]) => [name, String(field)])),
    ...['', value ?? base64],
  ])
}

export async function resendLetters(ids: readonly string[], flags: ChoiceFlags): Promise<void> {
  const choice = choiceOf(ids, flags)
  const { api } = await connectModel(flags)
  let [resent, duplicates] = [0, 0]
  const rejected: ResendAnswer['rejected'][number][] = []
  for (let page: LetterChoice | undefined = choice; page !== undefined;) {
    const answer: ResendAnswer = await api.resendDeadLetters(page)
    resent += answer.resent
    duplicates += answer.duplicates
    rejected.push(...answer.rejected)
    page = answer.next === undefined ? undefined : { ...choice, before: answer.next }
  }
  print(flags.json, { resent, duplicates, rejected }, () => [
    `${resent} sent again, ${duplicates} already known, ${rejected.length} refused again`,
    ...rejected.slice(0, MOST).map(({ id, code, message }) => `  ${id}  ${code}  ${message}`),
  ])
  if (rejected.length > 0) process.exitCode = 65
}

export async function dropLetters(ids: readonly string[], flags: ChoiceFlags): Promise<void> {
  const choice = choiceOf(ids, flags)
  const { api } = await connectModel(flags)
  let dropped = 0
  for (let some = 1; some > 0;) {
    some = (await api.dropDeadLetters(choice)).dropped
    dropped += some
    if (choice.ids !== undefined) break
  }
  print(flags.json, { dropped }, () => [`${dropped} dropped`])
}

function choiceOf(ids: readonly string[], { code, all }: ChoiceFlags): LetterChoice {
  const wrong = ids.find((id) => !/^\d{1,15}$/.test(id))
  if (wrong !== undefined)
    throw failure('USAGE', `${wrong} is not an id: antikythera dead-letters list shows the ids`)
  const ways = [ids.length > 0, code !== undefined, all === true].filter(Boolean)
  if (ways.length !== 1) throw failure('USAGE', 'give ids, or --code, or --all')
  if (ids.length > 0) return { ids: ids.map(Number) }
  return code === undefined ? { all: true } : { code }
}

/** The receipt of one event, as a sentence and its details. */
export interface ReceiptFlags extends ClientFlags {
  readonly source?: string
}

export async function showReceipt(id: string, flags: ReceiptFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { source } = flags
  const receipt = await api.receipt(id, source === undefined ? {} : { source })
  print(flags.json, receipt, () => [`${id}: ${sentenceOf(receipt)}`, ...detailsOf(receipt)])
}

/** A state of a later daemon says itself. */
function sentenceOf(receipt: Receipt): string {
  const { state, waiting_for, remembered, version, code, details = '' } = receipt
  const soon = remembered === true ? '; memory answers from it already' : ''
  const sentences: Readonly<Record<string, string>> = {
    received: 'received; the trainer has not read it yet',
    waiting:
      waiting_for === 'prediction'
        ? 'waits for the prediction that it names'
        : `waits for the next update${soon}`,
    learned: version === undefined ? `learned (${details})` : `learned in ${version}`,
    held_out: 'held out: it compares versions, and is never learned',
    rejected: code === undefined ? 'rejected' : `rejected: ${code}`,
    set_aside: 'set aside by a rollback: antikythera relearn, or discard',
    quarantined: 'in quarantine: antikythera quarantine release, or drop',
    superseded: 'superseded by a newer signal',
    retracted: 'retracted',
    forgotten: 'forgotten',
  }
  return sentences[state] ?? state
}

function detailsOf(receipt: Receipt): string[] {
  const { source, version, weight, slice, time, why, message, fix, rollback } = receipt
  const rows = Object.entries({ source, version, weight, slice, time, why, message, fix })
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [[`  ${name}`, String(value)]],
  )
  if (rollback === undefined) return table(shown)
  const { to, since, reason } = rollback
  return table([...shown, ['  rollback', `to ${to} at ${since}: ${reason}`]])
}
