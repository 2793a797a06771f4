/** `?wait_for=POSITION`, of predict and of the model: a client that has given feedback is answered when it has been learned. */
import type { IncomingHttpHeaders } from 'node:http'
import { Type, type Static } from 'typebox'
import { failure } from '../../platform/errors.ts'
import { positionIn, type Position } from '../../serving/services/feedback/feedback-progress.ts'
import type { Freshness } from '../../serving/services/prediction-service.ts'
import { generationIn } from './min-generation.ts'

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
