/** Dead letters: listed with their reason, sent again once the cause is gone, or dropped. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import {
  DroppedAnswer,
  ErrorName,
  LetterAnswer,
  LetterChoiceBody,
  LettersAnswer,
  ResentAnswer,
} from '../../../client/schemas/dead-letters.ts'
import { NumberedQuery } from '../../../client/schemas/parts.ts'
import type { NumberedLetter } from '../../../intake/dead-letters/dead-letters.ts'
import type { LetterChoice } from '../../../intake/dead-letters/service.ts'
import { entryOf, failure } from '../../../platform/errors.ts'
import type { Services } from '../../../serving/services/services.ts'
import { limitOf, nextOf, numberIn } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'

const reading = { tag: 'dead letters', role: 'read' } as const
const acting = { tag: 'dead letters', role: 'operate' } as const
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
  const lettersOf = (model: string) => services.model(model).deadLetters
  addRoute(app, 'GET', path, {
    ...reading,
    summary: 'events that could not be learned from, newest first',
    query: LettersQuery,
    answer: LettersAnswer,
    handle({ params, query }) {
      const deadLetters = lettersOf(params.model)
      const { code } = query
      const page = deadLetters.page({ limit: limitOf(query), before: numberIn(query), code })
      const shown = page.items.map((item) => describeLetter(item))
      return { dead_letters: shown, counts: deadLetters.counts(), ...nextOf(page) }
    },
  })
  addRoute(app, 'GET', `${path}/:id`, {
    ...reading,
    summary: 'one dead letter in full',
    params: LetterParams,
    answer: LetterAnswer,
    handle: ({ params }) =>
      describeLetter(lettersOf(params.model).find(Number(params.id)), { whole: true }),
  })
  addRoute(app, 'POST', `${path}/resend`, {
    ...acting,
    summary: 'send dead letters again, newest first, a page at a time',
    body: ResendBody,
    answer: ResentAnswer,
    async handle({ params, body }) {
      const answer = await lettersOf(params.model).resend(choiceIn(body))
      const { accepted, duplicates, rejected, ...next } = answer
      const refused = rejected.map(({ number, error: { code, message } }) => ({
        ...{ id: number, code, message },
      }))
      return { resent: accepted, duplicates, rejected: refused, ...nextOf(next) }
    },
  })
  addRoute(app, 'POST', `${path}/drop`, {
    ...acting,
    summary: 'remove dead letters for good',
    body: LetterChoiceBody,
    answer: DroppedAnswer,
    handle: async ({ params, body }) => ({
      dropped: await lettersOf(params.model).drop(choiceIn(body)),
    }),
  })
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

/** The number of bytes of each value in a list. */
const SHOWN_BYTES = 1024

export function describeLetter(
  { number, letter }: NumberedLetter,
  { whole = false } = {},
): Static<typeof LetterAnswer> {
  const { code, reason, connector, partition, position, timeMs, value } = letter
  const isTruncated = !whole && value.length > SHOWN_BYTES
  const shown = isTruncated ? value.subarray(0, SHOWN_BYTES) : value
  return {
    id: number,
    ...{ code, reason, fix: entryOf(code).fix },
    ...{ source: connector, partition, position },
    time: new Date(timeMs).toISOString(),
    ...textOf(shown, isTruncated),
    bytes: value.length,
    ...(isTruncated && { truncated: true }),
  }
}

/** A cut inside a character drops that character. */
function textOf(bytes: Uint8Array, isCut: boolean) {
  try {
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut }) }
  } catch {
    return { value_base64: Buffer.from(bytes).toString('base64') }
  }
}
