/**
 * The shapes that v1 shares with the tasks of this daemon: what the core answers, and what each task adds to it. With several
 * tasks, a field that not all of them have is optional.
 */
import { Type, type Static, type TObject } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Fields, SchemaPart, TaskSchemas } from '../../contracts/task-view.ts'
import { FeedbackEvent } from '../../client/schemas/feedback.ts'
import { Brief, listed, Model } from '../../client/schemas/models.ts'
import { Next, integer, text } from '../../client/schemas/parts.ts'
import { Answered, Prediction } from '../../client/schemas/predict.ts'
import { Quality } from '../../client/schemas/quality.ts'
import { Aside, Distrusted, Quarantined, Selection } from '../../client/schemas/set-aside.ts'
import { Version } from '../../client/schemas/versions.ts'
import { inputShown, signalSchemas } from '../../intake/description/event-schema.ts'
import { wordsOf } from '../../intake/events/signal.ts'
import { signals as ourSignals, usualInputs } from '../../payloads/built-in.ts'
import type { Services } from '../../serving/services/services.ts'
import { NDJSON_TYPES } from './feedback-body.ts'

/** One part of the schemas of each task that this daemon has, each once. */
export function partsOf({ models }: Services, part: keyof TaskSchemas): readonly SchemaPart[] {
  return [...new Set(models.map(({ task }) => task.view.schemas[part]))]
}

/** `core` with these parts, behind `after` where that is named and at the end where it is not. */
export function extended<Core extends TObject>(
  core: Core,
  parts: readonly SchemaPart[],
  after?: keyof Static<Core> & string,
) {
  const own = Object.entries<object>(core.properties)
  const place = after === undefined ? own.length : own.findIndex(([name]) => name === after) + 1
  const added = Object.entries(propertiesOf(parts))
  const common = Object.keys(propertiesOf(parts)).filter((name) =>
    parts.every(({ required = [] }) => required.includes(name)),
  )
  const properties = Object.fromEntries([...own.slice(0, place), ...added, ...own.slice(place)])
  // Absent if every property is optional, whatever its type says.
  const { required: needed = [] } = core as { readonly required?: readonly string[] }
  const required = [...needed, ...common]
  return Type.Unsafe<Static<Core>>({ ...core, properties, required })
}

/** Two tasks may give a field of one name different shapes. */
function propertiesOf(parts: readonly SchemaPart[]): Readonly<Record<string, object>> {
  const found = new Map<string, object[]>()
  for (const { properties } of parts)
    for (const [name, schema] of Object.entries(properties)) {
      const others = found.get(name) ?? []
      const isKnown = others.some((each) => JSON.stringify(each) === JSON.stringify(schema))
      found.set(name, isKnown ? others : [...others, schema])
    }
  return Object.fromEntries(
    [...found].map(([name, shapes]) => [
      name,
      shapes.length === 1 ? (shapes[0] ?? {}) : Type.Unsafe({ anyOf: shapes }),
    ]),
  )
}

/** One model alone says that too. */
export function oneModelAnswer(services: Services) {
  const also = { properties: listed, required: Object.keys(listed) }
  return extended(modelAnswer(services) as unknown as typeof Model, [also], 'model')
}

export function modelAnswer(services: Services) {
  const quality = Type.Optional(extended(Brief, partsOf(services, 'brief')))
  const model = extended(Model, partsOf(services, 'facts'), 'task')
  return extended(model as unknown as typeof Model, [{ properties: { quality } }], 'drift')
}

export function modelsAnswer(services: Services) {
  return Type.Object({
    models: Type.Array(modelAnswer(services)),
    object: text('list: with data, what clients of the OpenAI API read'),
    data: Type.Array(Type.Object(listed)),
  })
}

export function versionAnswer(services: Services) {
  return extended(Version, partsOf(services, 'facts'), 'steps')
}

export function versionsAnswer(services: Services) {
  return Type.Object({ versions: Type.Array(versionAnswer(services)), next: Next })
}

export function qualityAnswer(services: Services) {
  return extended(Quality, partsOf(services, 'quality'), 'model')
}

export function setAsideAnswer(services: Services) {
  return Type.Object({
    count: integer('set aside now'),
    set_aside: Type.Array(extended(Aside, partsOf(services, 'stratum'), 'id')),
    next: Next,
  })
}

export function quarantineAnswer(services: Services) {
  return Type.Object({
    count: integer('in quarantine now'),
    quarantine: Type.Array(extended(Quarantined, partsOf(services, 'stratum'), 'id')),
    distrusted: Type.Array(Distrusted, { description: 'sources that the others contradict' }),
    next: Next,
  })
}

export type SelectionBody = Static<typeof Selection> & Fields

export function selectionBody(services: Services) {
  return extended(Selection, partsOf(services, 'stratum'), 'source')
}

/**
 * What the bases of this daemon read, for the description: a kind checks its values itself, with codes of its own. Of a user's own
 * kind the schema is all that a client knows; ours are described in words, because they take more than their schemas say, such as null.
 */
export function inputValue({ models, limits }: Pick<Services, 'models' | 'limits'>) {
  const reads = models.flatMap(({ base }) => base.reads)
  const kinds = [...new Set([...usualInputs, ...reads])]
  const own = kinds.filter((kind) => !usualInputs.includes(kind))
  const properties = Object.fromEntries(own.map(({ name, ...kind }) => [name, kind.schema(limits)]))
  return Type.Unsafe<Json>({ ...inputShown(kinds), ...(own.length > 0 && { properties }) })
}

export function predictAnswer(services: Services) {
  const prediction = extended(Prediction, partsOf(services, 'answer'), 'id')
  return Type.Object({ ...Answered.properties, predictions: Type.Array(prediction) })
}

/** What each task of this daemon learns from. The bounds are those of intake. */
function signalParts({ models, limits }: Services): readonly SchemaPart[] {
  const lists = new Set(models.map(({ task }) => task.view.signals))
  return [...lists].map((signals) => {
    const schemas = Object.entries(signalSchemas(signals, limits))
    const loose = schemas.map(([word, schema]) => {
      const shown = ourWords.includes(word) ? plain(schema) : schema
      return [word, Type.Optional(Type.Unsafe(shown))]
    })
    return { properties: Object.fromEntries(loose) as SchemaPart['properties'] }
  })
}

const ourWords = wordsOf(Object.values(ourSignals))

function plain(schema: object) {
  const { type, description, items } = schema as Readonly<Record<string, unknown>>
  return { type, description, ...(items !== undefined && { items }) }
}

const ndjson = { schema: text('one event per line') }

export function feedbackBody(services: Services) {
  const own = { ...FeedbackEvent.properties, input: Type.Optional(inputValue(services)) }
  const event = extended(Type.Object(own), signalParts(services), 'prediction_id')
  const list = Type.Array(
    Type.Union([
      event,
      Type.Unsafe<Json>({
        description: 'anything else is refused on its own, and the others are not',
      }),
    ]),
  )
  return {
    content: {
      'application/json': { schema: Type.Union([event, Type.Object({ events: list }), list]) },
      ...Object.fromEntries(NDJSON_TYPES.slice(0, 1).map((type) => [type, ndjson])),
    },
  }
}
