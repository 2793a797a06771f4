/** Dead letters: listed with their reason, sent again once the cause is gone, or dropped. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { LetterChoice } from '../../../intake/dead-letters/service.ts'
import { failure } from '../../../platform/errors.ts'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import {
  describeLetter,
  DroppedAnswer,
  ErrorName,
  LetterAnswer,
  LetterChoiceBody,
  LettersAnswer,
  ResentAnswer,
} from '../schemas/dead-letters.ts'
import { limitOf, nextOf, numberIn, NumberedQuery } from '../page.ts'
import { ModelParams } from '../schemas/params.ts'

const tags = ['dead letters']
const LettersQuery = Type.Object(
  { ...NumberedQuery.properties, code: Type.Optional(ErrorName) },
  { additionalProperties: false },
)
const LetterParams = Type.Object({
  model: Type.String(),
  id: Type.String({ pattern: '^[0-9]{1,15}$' }),
})
const ResendBody = Type.Object(
  {
    ...LetterChoiceBody.properties,
    before: NumberedQuery.properties.before,
  },
  { additionalProperties: false, description: 'exactly one of ids, code and all' },
)

export function addDeadLetterRoutes(app: FastifyInstance, services: Services): void {
  const path = '/models/:model/dead-letters'
  addReading(app, services, path)
  addWork(app, services, path)
}

function addReading(app: FastifyInstance, services: Services, path: string): void {
  app.get<{ Params: ModelParams; Querystring: Static<typeof LettersQuery> }>(
    path,
    {
      schema: {
        summary: 'events that could not be learned from, newest first',
        ...{ tags, params: ModelParams, querystring: LettersQuery },
        response: { 200: LettersAnswer, ...problems },
      },
      config: { role: 'read' },
    },
    async ({ params, query }) => {
      const { deadLetters } = services.model(params.model)
      const { code } = query
      const page = deadLetters.page({ limit: limitOf(query), before: numberIn(query), code })
      const shown = page.items.map((item) => describeLetter(item))
      return { dead_letters: shown, counts: deadLetters.counts(), ...nextOf(page) }
    },
  )
  app.get<{ Params: Static<typeof LetterParams> }>(
    `${path}/:id`,
    {
      schema: {
        summary: 'one dead letter in full',
        ...{ tags, params: LetterParams },
        response: { 200: LetterAnswer, ...problems },
      },
      config: { role: 'read' },
    },
    async ({ params }) => {
      const found = services.model(params.model).deadLetters.find(Number(params.id))
      return describeLetter(found, { whole: true })
    },
  )
}

function addWork(app: FastifyInstance, services: Services, path: string): void {
  app.post<{ Params: ModelParams; Body: Static<typeof ResendBody> }>(
    `${path}/resend`,
    {
      schema: {
        summary: 'send dead letters again, newest first, a page at a time',
        ...{ tags, params: ModelParams, body: ResendBody },
        response: { 200: ResentAnswer, ...problems },
      },
      config: { role: 'operate' },
    },
    async ({ params, body }) => {
      const { deadLetters } = services.model(params.model)
      const { accepted, duplicates, rejected, ...next } = await deadLetters.resend(choiceIn(body))
      const refused = rejected.map(({ number, error: { code, message } }) => ({
        id: number,
        ...{ code, message },
      }))
      return { resent: accepted, duplicates, rejected: refused, ...nextOf(next) }
    },
  )
  app.post<{ Params: ModelParams; Body: LetterChoiceBody }>(
    `${path}/drop`,
    {
      schema: {
        summary: 'remove dead letters for good',
        ...{ tags, params: ModelParams, body: LetterChoiceBody },
        response: { 200: DroppedAnswer, ...problems },
      },
      config: { role: 'operate' },
    },
    async ({ params, body }) => {
      const { deadLetters } = services.model(params.model)
      return { dropped: await deadLetters.drop(choiceIn(body)) }
    },
  )
}

function choiceIn({
  ids,
  code,
  all,
  before,
}: LetterChoiceBody & { readonly before?: string }): LetterChoice {
  const ways = [ids, code, all].filter((way) => way !== undefined)
  if (ways.length !== 1) throw failure('REQUEST_INVALID', 'give one of ids, code and all')
  if (ids !== undefined) return { numbers: ids }
  return { code, before: before === undefined ? undefined : Number(before) }
}
