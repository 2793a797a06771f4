/** Dead letters through the daemon: lists, resends and drops them, a page at a time. */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { modelPath, type JsonObject } from './client.ts'
import { connectModel, type Connected } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { pagesOf } from './pages.ts'
import { print, table } from '../print.ts'

export interface ListFlags extends ClientFlags {
  readonly last: number
  readonly code?: string
}
export interface ChoiceFlags extends ClientFlags {
  readonly code?: string
  readonly all?: true
}

interface Letter {
  readonly id: number
  readonly code: string
  readonly reason: string
  readonly fix?: string
  readonly source: string
  readonly position: string
  readonly time: string
  readonly value?: string
  readonly value_base64?: string
}

const PAGE = 100

export async function listLetters(flags: ListFlags): Promise<void> {
  const connected = await connectModel(flags)
  const query = flags.code === undefined ? {} : { code: flags.code }
  const { client } = connected
  const pages = await pagesOf(client, path(connected), 'dead_letters', flags.last, query)
  const items = pages.items as unknown as readonly Letter[]
  const { counts = {} } = pages.last
  print(flags.json, { dead_letters: items as unknown as Json, counts }, () =>
    lines(items, counts as Readonly<Record<string, number>>),
  )
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
  const connected = await connectModel(flags)
  const answer = await connected.client.get(`${path(connected)}/${encodeURIComponent(id)}`)
  const { value, value_base64: base64, ...rest } = answer
  print(flags.json, answer, () => [
    ...table(Object.entries(rest).map(([name, field]) => [name, textOf(field)])),
    '',
    textOf(value ?? base64 ?? ''),
  ])
}

export async function resendLetters(ids: readonly string[], flags: ChoiceFlags): Promise<void> {
  const choice = choiceOf(ids, flags)
  const connected = await connectModel(flags)
  let [resent, duplicates] = [0, 0]
  const rejected: Json[] = []
  for (let before: Json | undefined = null; before !== undefined;) {
    const body = before === null ? choice : { ...choice, before }
    const answer: JsonObject = await connected.client.post(`${path(connected)}/resend`, body)
    resent += Number(answer.resent)
    duplicates += Number(answer.duplicates)
    rejected.push(...(answer.rejected as readonly Json[]))
    before = answer.next
  }
  print(flags.json, { resent, duplicates, rejected }, () => [
    `${resent} sent again, ${duplicates} already known, ${rejected.length} refused again`,
    ...rejected.slice(0, PAGE).map((row) => {
      const { id, code, message } = row as JsonObject & Pick<Letter, 'id' | 'code'>
      return `  ${id}  ${code}  ${textOf(message ?? '')}`
    }),
  ])
  if (rejected.length > 0) process.exitCode = 65
}

export async function dropLetters(ids: readonly string[], flags: ChoiceFlags): Promise<void> {
  const choice = choiceOf(ids, flags)
  const connected = await connectModel(flags)
  let dropped = 0
  for (let some = 1; some > 0;) {
    const answer = await connected.client.post(`${path(connected)}/drop`, choice)
    some = Number(answer.dropped)
    dropped += some
    if (choice.ids !== undefined) break
  }
  print(flags.json, { dropped }, () => [`${dropped} dropped`])
}

function path({ model }: Connected): string {
  return modelPath(model, 'dead-letters')
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

interface Choice extends JsonObject {
  readonly ids?: readonly number[]
}

function choiceOf(ids: readonly string[], { code, all }: ChoiceFlags): Choice {
  const wrong = ids.find((id) => !/^\d{1,15}$/.test(id))
  if (wrong !== undefined)
    throw failure('USAGE', `${wrong} is not an id: antikythera dead-letters list shows the ids`)
  const ways = [ids.length > 0, code !== undefined, all === true].filter(Boolean)
  if (ways.length !== 1) throw failure('USAGE', 'give ids, or --code, or --all')
  if (ids.length > 0) return { ids: ids.map(Number) }
  return code === undefined ? { all: true } : { code }
}
