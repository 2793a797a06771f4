/** Sends one event that was given as flags. */
import type { Json } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { FeedbackAnswer } from '../../client/client.ts'
import type { FeedbackFlags } from './feedback-flags.ts'
import { inputIn, shownFlags, signalIn } from './payload-flags.ts'
import { connectModel } from '../remote/connect.ts'
import { print } from '../print.ts'
import { outcomeText, waitForLearned, waitingFor } from '../remote/wait-for.ts'

export async function sendEvent(flags: FeedbackFlags): Promise<void> {
  const event = eventOf(flags)
  const connected = await connectModel(flags)
  const answer = await connected.api.feedback(event)
  if (flags.wait === true) {
    const accepted = answer.accepted === 1 ? 'accepted' : 'already known'
    const outcome = await waitForLearned(connected, answer.position, flags.retrySeconds, accepted)
    print(flags.json, { ...answer, live: outcome?.version ?? null }, () => [
      outcome === undefined ? accepted : outcomeText(outcome),
    ])
    return
  }
  print(flags.json, answer, () => [
    answer.accepted === 1
      ? `accepted: it is durable and will be learned${waitingFor(answer)}`
      : 'already known',
    ...madeId(answer),
  ])
}

/** Of an event that was sent without one. */
function madeId({ ids = [] }: FeedbackAnswer): readonly string[] {
  const [made] = ids
  return made === undefined ? [] : [`what becomes of it: antikythera receipt ${made.id}`]
}

/** The daemon validates the event; only a command without any event is refused here. */
function eventOf(flags: FeedbackFlags) {
  const { predictionId, retract, correction, weight, slice, id, source } = flags
  const input = inputIn(flags)
  if (input === undefined && predictionId === undefined && retract !== true)
    throw failure(
      'USAGE',
      `give --file, or one of ${shownFlags.inputs} and --prediction-id, with what is said of it: one of ${shownFlags.signals} and --correction`,
    )
  return {
    ...(input !== undefined && { input }),
    ...(predictionId !== undefined && { prediction_id: predictionId }),
    ...(retract === true && { retract }),
    ...signalIn(flags),
    ...given({ correction, weight, slice, id, source }),
  }
}

function given(fields: Readonly<Record<string, Json | undefined>>) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
