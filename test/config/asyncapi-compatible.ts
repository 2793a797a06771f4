/** What a producer or reader of described channels can no longer do. Additions are allowed. */
import { Ajv } from 'ajv'
import { inSchema } from '../api/openapi-compatible.ts'
import type { Document } from './asyncapi-document.ts'

export function asyncIncompatibilities(before: Document, now: Document): readonly string[] {
  return Object.entries(before.channels).flatMap(([key, { address }]) => {
    const found = now.channels[key]
    const action = before.operations[key]?.action
    if (found === undefined || now.operations[key]?.action !== action) return [`${key}: gone`]
    const moved =
      found.address === address ? [] : [`${key}: was at ${address}, is at ${found.address}`]
    return [...moved, ...inMessage(key, before, now, action === 'receive' ? 'sent' : 'read')]
  })
}

function inMessage(key: string, before: Document, now: Document, direction: 'sent' | 'read') {
  const [old, fresh] = [before.components.messages[key], now.components.messages[key]]
  if (old === undefined || fresh === undefined) return [`${key}: its message is gone`]
  const headers = old.headers
    ? inSchema(`${key} headers`, old.headers, fresh.headers, direction)
    : []
  // Only the first choice, the event itself: its fields are those of the envelope's `data`.
  const [from, to] = [old.payload, fresh.payload].map((each) => each.anyOf?.[0] ?? each)
  const fields = inSchema(key, from ?? {}, to, direction)
  return [...headers, ...fields, ...(direction === 'sent' ? refusedBy(key, old, fresh) : [])]
}

type Message = Document['components']['messages'][string]

/** Keywords such as `oneOf` and `maximum` say more than types do: events that were valid must stay so. */
function refusedBy(key: string, before: Message, now: Message): readonly string[] {
  if (JSON.stringify(before.payload) === JSON.stringify(now.payload)) return []
  const [took, takes] = [before, now].map(({ payload }) => {
    const validate = new Ajv({ strict: false }).compile(payload)
    return (event: object) => validate(event)
  })
  return samples
    .filter((event) => took?.(event) === true && takes?.(event) !== true)
    .map((event) => `${key}: refuses what it took: ${JSON.stringify(event)}`)
}

const subjects = [{ input: 'a' }, { input: { text: 'a' } }, { input: { features: [1] } }]
const named = [{ input: { features: { size: 1, kind: 'a' } } }, { prediction_id: 'p' }, { id: 'e' }]
const signals = [
  { label: 'a' },
  { correction: 'a' },
  { correction: 1 },
  { value: 1 },
  { rating: 1 },
]
const extras = [
  ...[{}, { id: 'e', source: 's' }, { weight: 1000 }, { time: '2026-11-24T10:00:00Z' }],
  ...[{ slice: 'x'.repeat(128) }, { source: 'x'.repeat(256) }, { unknown: { any: 1 } }],
]
const plain = [...subjects, ...named, { source: 's' }].flatMap((subject) =>
  [...signals, { retract: true }].flatMap((signal) =>
    extras.map((extra) => ({ ...subject, ...signal, ...extra })),
  ),
)
const samples: readonly object[] = [
  ...plain,
  ...plain.map((data) => ({ specversion: '1.0', id: '1', source: '/s', data })),
]
