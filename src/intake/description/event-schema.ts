/**
 * JSON Schema of one feedback event, with the limits that `parseEvent` checks: what the schema accepts, intake accepts.
 *
 * It is stricter than intake in details that producers should not rely on, such as keys with the value null. A test
 * compares the two on thousands of combinations of fields.
 */
import type { TaskView } from '../../contracts/task-view.ts'
import type { Limits } from '../../platform/limits.ts'
import { HEAVIEST, IDENTITY_CHARACTERS, SLICE_CHARACTERS } from '../events/fields.ts'
import { ROLES } from '../events/messages.ts'
import { waysOf, wordsOf } from '../events/signal.ts'

export type DescribedLimits = Pick<
  Limits,
  'text_characters' | 'messages' | 'features' | 'feature_magnitude' | 'label_characters'
>
export type JsonSchema = Readonly<Record<string, unknown>>
export type DescribedTask = Pick<TaskView, 'signals' | 'schemas'>

export function eventSchema(task: DescribedTask, limits: DescribedLimits): JsonSchema {
  const [ways, words] = [waysOf(task.signals), wordsOf(task.signals)]
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
      input: inputSchema(limits),
      prediction_id: { ...identity, description: 'instead of input: the prediction to join' },
      ...signalsOf(task, limits),
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
    oneOf: ways.map((required) => ({ required })),
    // … and what it refers to.
    allOf: [{ anyOf: ways.map((required) => ({ required, anyOf: subjectsOf(required) })) }],
    ...(others.length > 0 && { not: { anyOf: others.map((word) => ({ required: [word] })) } }),
  }
}

function subjectsOf([word]: readonly string[]): readonly JsonSchema[] {
  const subjects =
    word === 'rating'
      ? ['prediction_id']
      : word === 'retract'
        ? ['id', 'prediction_id', 'source']
        : ['input', 'prediction_id']
  return subjects.map((subject) => ({ required: [subject] }))
}

function signalsOf(
  { signals, schemas }: DescribedTask,
  { text_characters, label_characters, feature_magnitude }: DescribedLimits,
): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    Object.entries(schemas.event.properties).map(([word, schema]): [string, JsonSchema] => {
      const { type } = schema as { readonly type?: string }
      const most = { minimum: -feature_magnitude, maximum: feature_magnitude }
      if (word === 'rating') return [word, { ...schema, enum: [1, -1] }]
      if (type === 'number') return [word, { ...schema, ...most }]
      if (signals.includes('completion'))
        return [word, { ...schema, maxLength: text_characters, ...visible }]
      return [word, { ...schema, maxLength: label_characters, allOf: [printable, visible] }]
    }),
  )
}

function inputSchema(limits: DescribedLimits): JsonSchema {
  const { text_characters, features, feature_magnitude, label_characters } = limits
  const text = { type: 'string', maxLength: text_characters, ...visible }
  const number = { type: 'number', minimum: -feature_magnitude, maximum: feature_magnitude }
  const value = [{ type: 'boolean' }, number]
  const category = { type: 'string', maxLength: label_characters }
  const list = { type: 'array', minItems: 1, maxItems: features, items: { anyOf: value } }
  const named = {
    ...{ type: 'object', minProperties: 1, maxProperties: features },
    additionalProperties: { anyOf: [...value, category] },
  }
  const only = (name: string, schema: JsonSchema, ...others: readonly string[]) => ({
    ...{ type: 'object', properties: { [name]: schema }, required: [name] },
    not: { anyOf: others.map((other) => ({ required: [other] })) },
  })
  return {
    description:
      'as the base of the model reads it: text, features, or messages for a language model',
    examples: [
      ...['what a lovely phone', { text: 'what a lovely phone' }, { features: [0.5, 1] }],
      { messages: [{ role: 'user', content: 'Where is my parcel?' }] },
    ],
    oneOf: [
      text,
      only('text', text, 'features', 'messages'),
      only('features', { oneOf: [list, named] }, 'text', 'messages'),
      only('messages', messagesSchema(limits), 'text', 'features'),
    ],
  }
}

/** Intake counts the characters of all contents together. */
function messagesSchema({ messages, text_characters }: DescribedLimits): JsonSchema {
  const content = { type: 'string', maxLength: text_characters, ...visible }
  const properties = { role: { enum: [...ROLES] }, content }
  const items = { type: 'object', properties, required: ['role', 'content'] }
  return { type: 'array', minItems: 1, maxItems: messages, items }
}

const printable = { pattern: String.raw`^[^\p{Cc}\p{Cs}]*$` }
const visible = { pattern: String.raw`[\p{L}\p{N}\p{P}\p{S}]` }
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
