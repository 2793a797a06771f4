/**
 * Dead letters: what could not be learned from, listed with its reason, sent again once the cause is gone, or dropped.
 * Each replica has those of what it refused and of what its trainer could not use.
 */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { NumberedLetter } from '../../../intake/dead-letters/pages.ts'
import { messageOf } from '../../../intake/dead-letters/resend.ts'
import { failure } from '../../../platform/errors.ts'
import type { RouteContext } from '../../http/context.ts'
import {
  describeLetter,
  DroppedAnswer,
  ErrorName,
  LetterAnswer,
  LetterChoice,
  LettersAnswer,
  ResentAnswer,
} from '../dead-letter-schemas.ts'
import { limitOf, pageOf, PageQuery } from '../page.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import { ModelParams, problems } from '../schemas.ts'

const tags = ['dead letters']
const LettersQuery = Type.Object(
  { ...PageQuery.properties, code: Type.Optional(ErrorName) },
  { additionalProperties: false },
)
const LetterParams = Type.Object({
  model: Type.String(),
  id: Type.String({ pattern: '^[0-9]{1,15}$' }),
})
const ResendBody = Type.Object(
  { ...LetterChoice.properties, before: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })) },
  { additionalProperties: false, description: 'one of ids, code and all' },
)

export function addDeadLetterRoutes(app: FastifyInstance, context: RouteContext): void {
  const path = '/v1/models/:model/dead-letters'
  addReading(app, context, path)
  addWork(app, context, path)
}

function addReading(app: FastifyInstance, context: RouteContext, path: string): void {
  app.get<{ Params: ModelParams; Querystring: Static<typeof LettersQuery> }>(
    path,
    {
      schema: {
        summary: 'what could not be learned from, newest first',
        ...{ tags, params: ModelParams, querystring: LettersQuery },
        response: { 200: LettersAnswer, ...problems },
      },
    },
    async ({ params, query }) => {
      const { deadLetters } = context.modelNamed(params.model)
      const limit = limitOf(query)
      const before = query.before === undefined ? undefined : Number(query.before)
      const found = deadLetters.page({ limit: limit + 1, before, code: query.code })
      const { items, next } = pageOf(found, limit, ({ number }) => String(number))
      const shown = items.map((item) => describeLetter(item))
      return { dead_letters: shown, counts: deadLetters.kept(), ...next }
    },
  )
  app.get<{ Params: Static<typeof LetterParams> }>(
    `${path}/:id`,
    {
      schema: {
        summary: 'one dead letter, whole',
        ...{ tags, params: LetterParams },
        response: { 200: LetterAnswer, ...problems },
      },
    },
    async ({ params }) => {
      const found = context.modelNamed(params.model).deadLetters.find(Number(params.id))
      if (found === undefined) throw failure('DEAD_LETTER_UNKNOWN', `there is no ${params.id}`)
      return describeLetter(found, { whole: true })
    },
  )
}

function addWork(app: FastifyInstance, context: RouteContext, path: string): void {
  app.post<{ Params: ModelParams; Body: Static<typeof ResendBody> }>(
    `${path}/resend`,
    {
      schema: {
        summary: 'send dead letters again, newest first, a page at a time',
        ...{ tags, params: ModelParams, body: ResendBody },
        response: { 200: ResentAnswer, ...problems },
      },
    },
    async ({ params, body }) => {
      const model = context.modelNamed(params.model)
      const { letters, next } = chosen(model, body, PER_CALL)
      return { ...(await resend(model, letters)), ...next }
    },
  )
  app.post<{ Params: ModelParams; Body: LetterChoice }>(
    `${path}/drop`,
    {
      schema: {
        summary: 'remove dead letters for good',
        ...{ tags, params: ModelParams, body: LetterChoice },
        response: { 200: DroppedAnswer, ...problems },
      },
    },
    async ({ params, body }) => {
      const model = context.modelNamed(params.model)
      const { letters } = chosen(model, body, MOST_DROPPED)
      return { dropped: await model.deadLetters.remove(letters.map(({ number }) => number)) }
    },
  )
}

/** Sent again by one call: it parses each of them. */
const PER_CALL = 100
/** A call that drops more is repeated. */
const MOST_DROPPED = 1000

function chosen(
  { deadLetters }: ServedModel,
  { ids, code, all, before }: LetterChoice & { readonly before?: string },
  limit: number,
) {
  const ways = [ids, code, all].filter((way) => way !== undefined)
  if (ways.length !== 1) throw failure('REQUEST_INVALID', 'give one of ids, code and all')
  if (ids !== undefined) return { letters: named(deadLetters, ids), next: {} }
  const upTo = before === undefined ? undefined : Number(before)
  const found = deadLetters.page({ limit: limit + 1, before: upTo, code })
  const { items, next } = pageOf(found, limit, ({ number }) => String(number))
  return { letters: items, next }
}

function named(
  deadLetters: ServedModel['deadLetters'],
  ids: readonly number[],
): readonly NumberedLetter[] {
  return ids.map((id) => {
    const found = deadLetters.find(id)
    if (found === undefined) throw failure('DEAD_LETTER_UNKNOWN', `there is no ${id}`)
    return found
  })
}

/** What was taken is no dead letter any more; what was refused again stays as it was. */
async function resend({ feedback, deadLetters }: ServedModel, letters: readonly NumberedLetter[]) {
  const events = letters.map(({ letter }) => ({ bytes: messageOf(letter) }))
  const receipt = await feedback.take(events, { areLetters: true })
  const refused = new Set(receipt.rejected.map(({ index }) => index))
  await deadLetters.remove(letters.filter((_, at) => !refused.has(at)).map(({ number }) => number))
  return {
    resent: receipt.accepted,
    duplicates: receipt.duplicates,
    rejected: receipt.rejected.map(({ index, error: { code, message } }) => ({
      id: letters[index]?.number ?? 0,
      ...{ code, message },
    })),
  }
}
