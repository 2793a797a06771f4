/** Served answers of a trial, and events that judge them. */
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { event } from './events.ts'
import type { World } from './world.ts'

/** Everyone says yes of this input; an answer is right or wrong by what it said. */
function answered(id: string, isRight: boolean): ServedPrediction {
  const answer = isRight ? 'yes' : 'no'
  return { id, input: { kind: 'text', text: 'good fine' }, version: 'v0', answer, timeMs: 0 }
}

export interface Answers {
  readonly candidate: boolean
  readonly live: boolean
}

/** Of a canary: two events for each pair. One judges its answer, the other that of the live version. */
export function judgedCanary(
  world: World,
  canary: string,
  pairs: number,
  isRight: Answers,
  live = 'v0',
): string[] {
  return Array.from({ length: pairs }, (_, at) => [
    judged(world, { ...answered(`${canary}-c${at}`, isRight.candidate), canary, version: canary }),
    judged(world, { ...answered(`${canary}-l${at}`, isRight.live), canary, version: live }),
  ]).flat()
}

/** Of a shadow: each event judges both. */
export function judgedShadow(
  world: World,
  version: string,
  count: number,
  isRight: Answers,
): string[] {
  return Array.from({ length: count }, (_, at) => {
    const shadow = { version, answer: isRight.candidate ? 'yes' : 'no' }
    return judged(world, { ...answered(`${version}-s${at}`, isRight.live), shadow })
  })
}

function judged(world: World, prediction: ServedPrediction): string {
  world.predictions.set(prediction.id, prediction)
  const { id } = prediction
  return event({ id: `about ${id}`, prediction_id: id, label: 'yes' })
}
