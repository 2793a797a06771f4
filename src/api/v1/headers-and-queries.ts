/** What several routes of v1 read from headers and queries, and say in headers. */
import type { IncomingHttpHeaders } from 'node:http'
import { Type, type Static } from 'typebox'
import type { FastifyReply } from 'fastify'
import { failure } from '../../platform/errors.ts'
import { positionIn, type Position } from '../../serving/services/feedback/feedback-progress.ts'
import type { Freshness } from '../../serving/services/prediction-service.ts'
import { MOST, type PageQuery } from '../../client/schemas/parts.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'

/**
 * `x-antikythera-min-generation: G`: a client that has just moved the pointer, or seen it move, requires answers from
 * that generation on, whichever replica it reaches. The replica waits for a bounded time until it has G, or answers
 * that it does not have it yet.
 */
const HEADER = 'x-antikythera-min-generation'

/** Only for the description: an invalid header is refused by the code here, with its own message. */
export const InsistHeaders = Type.Object({
  [HEADER]: Type.Optional(
    Type.String({
      description: 'answer from this generation of the live pointer on; waits for it if necessary',
    }),
  ),
})

function generationIn(headers: IncomingHttpHeaders): number | undefined {
  const text = headers[HEADER]
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  throw failure('REQUEST_INVALID', `${HEADER} must be a whole number from 0 on, given once`, {
    details: { header: HEADER },
  })
}

/** A client that has given feedback is answered when it has been learned. */
export const WaitQuery = Type.Object({
  wait_for: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'a position that feedback has answered with: waits until it is learned',
    }),
  ),
})
export type WaitQuery = Static<typeof WaitQuery>

/** For clients that cannot change the body: the same as its fields. */
export const PredictQuery = Type.Object({
  ...WaitQuery.properties,
  version: Type.Optional(Type.String({ maxLength: 64, description: 'as in the body' })),
  at: Type.Optional(Type.String({ format: 'date-time', description: 'as in the body' })),
})
export type PredictQuery = Static<typeof PredictQuery>

/** The freshness that a request demands in its headers and its query. */
export function freshnessIn(headers: IncomingHttpHeaders, { wait_for }: WaitQuery): Freshness {
  const position = wait_for === undefined ? undefined : requiredPosition(wait_for)
  return { generation: generationIn(headers), position }
}

function requiredPosition(text: string): Position {
  const position = positionIn(text)
  if (position !== undefined) return position
  throw failure('REQUEST_INVALID', 'wait_for is no position that feedback has answered with', {
    details: { position: text },
  })
}

/** What a query asks for of a list, and how its answer goes on. */
export function limitOf({ limit }: PageQuery): number {
  return limit === undefined ? MOST : Number(limit)
}

/** `before` of a `NumberedQuery`. */
export function numberIn({ before }: PageQuery): number | undefined {
  return before === undefined ? undefined : Number(before)
}

export function nextOf({ next }: { readonly next?: string | number }): { readonly next?: string } {
  return next === undefined ? {} : { next: String(next) }
}

/** Law 6 in headers: the exact version of the answer, also for clients that ignore the body. */
export function nameVersion(
  reply: FastifyReply,
  named: {
    readonly version: string
    readonly digest: string
    /** Absent for a version requested by name, which no move of the pointer selected. */
    readonly generation?: number | undefined
  },
): void {
  void reply.header('x-antikythera-version', named.version)
  void reply.header('x-antikythera-digest', named.digest)
  if (named.generation !== undefined)
    void reply.header('x-antikythera-generation', named.generation)
}

/** For an answer without a version: the one that is live here. */
export function nameLive(reply: FastifyReply, model: ModelServices): void {
  const pointer = model.status().live?.pointer
  if (pointer !== undefined) nameVersion(reply, { ...pointer.live, generation: pointer.generation })
}
