/**
 * `?wait_for=POSITION`, of predict and of the model: a client that has given feedback is answered when the trainer is
 * through with it. It is when the event was read and what it starts has ended: an update that was due by count, or, with
 * a trigger that looks at the clock, the one that follows a rest; and when the version of that update answers here.
 * An event of which nothing will come by itself (too few are pending, and there is no rest) is waited for until it is read.
 */
import { Type, type Static } from 'typebox'
import type { Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { RouteContext } from '../../api/http/context.ts'
import { hasFailed } from './trainer-fault.ts'
import type { Position, ServedModel } from './served-model.ts'

export const WaitQuery = Type.Object({
  wait_for: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'a position that feedback has answered with: waits until it is learned',
    }),
  ),
})
export type WaitQuery = Static<typeof WaitQuery>

/** Between two looks at what the trainer has said. */
const LOOK_MS = 25

export async function waitFor(
  model: ServedModel,
  { wait_for: text }: WaitQuery,
  { trainer, limits, clock }: Pick<RouteContext, 'trainer' | 'limits' | 'clock'>,
  signal: AbortSignal,
): Promise<void> {
  if (text === undefined) return
  const position = positionOf(text)
  const untilMs = clock.monotonicMs() + limits.wait_for_ms
  const generation = await untilReached(() => trainer.reached?.(model.name, position), {
    ...{ clock, untilMs, signal },
    isHopeless: () => hasFailed(trainer.status(model.name)),
  })
  const waitMs = Math.max(0, untilMs - clock.monotonicMs())
  const isLive =
    generation !== undefined && (await model.live.until(generation, { waitMs, signal }))
  if (isLive) return
  const { state, code, lag } = trainer.status(model.name)
  const message = `model ${model.name} has not learned ${text} within ${limits.wait_for_ms} ms; its trainer is ${state}`
  const details = {
    position: text,
    trainer: state,
    lag,
    ...(code !== undefined && { trainer_code: code }),
  }
  throw failure('POSITION_NOT_REACHED', message, { details })
}

async function untilReached(
  reached: () => number | undefined,
  wait: {
    readonly clock: Clock
    readonly untilMs: number
    readonly signal: AbortSignal
    readonly isHopeless: () => boolean
  },
): Promise<number | undefined> {
  const { clock, untilMs, signal, isHopeless } = wait
  for (;;) {
    const generation = reached()
    const leftMs = untilMs - clock.monotonicMs()
    if (generation !== undefined || leftMs <= 0 || isHopeless()) return generation
    await clock.sleep(Math.min(LOOK_MS, leftMs), signal)
  }
}

function positionOf(text: string): Position {
  const [, replica, offset] = /^(?:([a-z0-9][a-z0-9._-]{0,63}):)?(\d{1,15})$/.exec(text) ?? []
  if (offset !== undefined) return { replica, offset: Number(offset) }
  throw failure('REQUEST_INVALID', 'wait_for is no position that feedback has answered with', {
    details: { position: text },
  })
}
