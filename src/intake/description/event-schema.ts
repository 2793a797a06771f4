/**
 * JSON Schema of one feedback event, with the limits that `parseEvent` checks: what the schema accepts, intake accepts.
 *
 * It is stricter than intake in details that producers should not rely on, such as keys with the value null. A test
 * compares the two on thousands of combinations of fields.
 */

import type { TaskView } from '../../contracts/task-view.ts'
import type { InputKind, PayloadLimits, SignalKind } from '../../contracts/payload.ts'
import { text } from '../../payloads/inputs/text.ts'
import { keyed, printable, visible } from '../../payloads/reading.ts'
import { usualInputs } from '../../payloads/built-in.ts'
import { HEAVIEST, IDENTITY_CHARACTERS, SLICE_CHARACTERS } from '../events/fields.ts'
import { CORRECTION, waysOf, wordsOf, type SignalWords } from '../events/signal.ts'

export type JsonSchema = Readonly<Record<string, unknown>>
export interface DescribedTask extends Pick<TaskView, 'signals' | 'schemas'> {
  /** Its base is a user's own, and may read inputs of kinds that only it knows. */
  readonly isOpen?: boolean
}

export function eventSchema(
  { signals, isOpen = false }: DescribedTask,
  limits: PayloadLimits,
): JsonSchema {
  const [ways, words] = [waysOf(signals), wordsOf(signals)]
  const others = wordsOf().filter((word) => !words.includes(word))
  return {
    type: 'object',
    properties: {
      id: {
        ...identity,
        description:
          'with source the identity, learned at most once among the last limits.seen_events; made from the content if absent',
      },
      source: { ...identity, description: 'who says it; absent: the name of the connector' },
      model: {
        ...identity,
        description: 'which model it is for, if several read the channel; absent: all of them',
      },
      time: { ...time, description: 'when it was said; absent: when the connector got it' },
      input: inputSchema(limits, isOpen),
      prediction_id: { ...identity, description: 'instead of input: the prediction to join' },
      ...signalSchemas(signals, limits),
      retract: {
        const: true,
        description: 'retracts the event with this id, or without an id everything from the source',
      },
      since: { ...time, description: 'of a retraction without an id: only what came after it' },
      weight: { type: 'number', exclusiveMinimum: 0, maximum: HEAVIEST, default: 1 },
      slice: {
        type: 'string',
        maxLength: SLICE_CHARACTERS,
        allOf: [printable, visible],
        description: 'part of the population, such as a region: scores are shown for each',
      },
    },
    // Exactly one signal …
    oneOf: ways.map(saidBy),
    // … and what it refers to.
    allOf: [{ anyOf: ways.map(referring) }],
    ...(others.length > 0 && { not: { anyOf: others.map((word) => ({ required: [word] })) } }),
  }
}

/** All words, or of a kind that one word says any of them. */
function saidBy({ words, kind }: SignalWords): JsonSchema {
  if (kind?.anyWord !== true) return { required: words }
  return { anyOf: words.map((word) => ({ required: [word] })) }
}

function referring(way: SignalWords): JsonSchema {
  const [said, subjects] = [saidBy(way), { anyOf: subjectsOf(way) }]
  return 'anyOf' in said ? { allOf: [said, subjects] } : { ...said, ...subjects }
}

function subjectsOf({ kind }: SignalWords): readonly JsonSchema[] {
  const ofKind = kind?.about === 'answer' ? ['prediction_id'] : ['input', 'prediction_id']
  const subjects = kind === undefined ? ['id', 'prediction_id', 'source'] : ofKind
  return subjects.map((subject) => ({ required: [subject] }))
}

/** Under the words of an event. A correction is what the kind that it stands for is. */
export function signalSchemas(
  signals: readonly SignalKind[],
  limits: PayloadLimits,
): Readonly<Record<string, object>> {
  const ways = waysOf(signals).map(({ words, kind }) => {
    const schemas = kind?.schema(limits) ?? {}
    const [first = '', own = ''] = [words[0], kind?.words[0]]
    return first === CORRECTION && first !== own ? { [first]: schemas[own] ?? {} } : schemas
  })
  return Object.assign({}, ...ways) as Readonly<Record<string, object>>
}

function inputSchema(limits: PayloadLimits, isOpen: boolean): JsonSchema {
  const kinds = usualInputs
  const named = (all: readonly InputKind[]) => all.map(({ name }) => ({ required: [name] }))
  const only = (kind: InputKind) => {
    const { name, beside } = kind
    const own = { type: 'object', properties: { [name]: kind.schema(limits) }, required: [name] }
    const others = kinds.filter((other) => other !== kind && beside?.includes(other.name) !== true)
    return { ...(beside === undefined ? own : kind.schema(limits)), not: { anyOf: named(others) } }
  }
  return {
    ...inputShown(kinds),
    oneOf: [
      text.schema(limits),
      ...kinds.map(only),
      ...(isOpen ? [{ type: 'object', minProperties: 1, not: { anyOf: named(kinds) } }] : []),
    ],
  }
}

/** An input for people: the kinds that there are, and an example of each. */
export function inputShown(kinds: readonly InputKind[] = usualInputs) {
  const forms = kinds.map(({ name, beside = [], summary }) => {
    const keys = [...beside, name].map((key) => `"${key}": …`)
    return `{${keys.join(', ')}} (${summary})`
  })
  return {
    description: `as the base of the model reads it: a plain text, or ${forms.join(', ')}`,
    examples: [text.example, ...kinds.map((kind) => keyed(kind, kind.example))],
  }
}

const identity = { type: 'string', minLength: 1, maxLength: IDENTITY_CHARACTERS, ...printable }
const time = {
  type: 'string',
  pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$`,
  examples: ['2026-11-24T10:00:00Z'],
}

/** The event as `data` of a CloudEvent in structured mode; in binary mode the envelope is in headers. */
export function cloudEventSchema(event: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: {
      specversion: { type: 'string', pattern: String.raw`^1\.` },
      ...{ id: identity, source: identity, time, slice: { type: 'string', minLength: 1 } },
      data: event,
    },
    required: ['specversion', 'id', 'source', 'data'],
  }
}

/** Headers of a CloudEvent in binary mode. None is needed. */
export function cloudEventHeaders(prefix: 'ce_' | 'ce-'): JsonSchema {
  const attributes = { specversion: { const: '1.0' }, id: identity, source: identity, time }
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(attributes).map(([name, schema]) => [prefix + name, schema]),
    ),
  }
}
