/** Sends one event that was given as flags. */
import { failure } from '../../platform/errors.ts'
import { featuresOf } from './features-flag.ts'
import { modelPath } from '../remote/client.ts'
import type { FeedbackFlags } from './feedback-flags.ts'
import { connectModel } from '../remote/connect.ts'
import { print } from '../print.ts'
import { waitForLearned } from '../remote/wait-for.ts'
import { waitingFor } from '../remote/waiting-for.ts'

export async function sendEvent(flags: FeedbackFlags): Promise<void> {
  const event = eventOf(flags)
  const connected = await connectModel(flags)
  const { client, model } = connected
  const answer = await client.post(modelPath(model, 'feedback'), event)
  if (flags.wait === true) {
    const live = await waitForLearned(connected, answer.position, flags.retrySeconds)
    print(flags.json, { ...answer, live: live ?? null }, () => [`learned: ${live} is live`])
    return
  }
  print(flags.json, answer, () => [
    answer.accepted === 1
      ? `accepted: it is durable and will be learned${waitingFor(answer)}`
      : 'already known',
  ])
}

/** The daemon validates the event; only a command without any event is refused here. */
function eventOf(flags: FeedbackFlags) {
  const {
    text,
    features,
    predictionId,
    label,
    value,
    correction,
    rating,
    retract,
    weight,
    slice,
    id,
    source,
  } = flags
  const isEmpty = text === undefined && features === undefined && predictionId === undefined
  if (isEmpty && retract !== true)
    throw failure(
      'USAGE',
      'give --file, or --text, --features or --prediction-id, and a --label or a --value',
    )
  return {
    ...(text !== undefined && { input: { text } }),
    ...(features !== undefined && { input: featuresOf(features) }),
    ...(predictionId !== undefined && { prediction_id: predictionId }),
    ...(label !== undefined && { label }),
    ...(value !== undefined && { value }),
    ...(correction !== undefined && { correction }),
    ...(rating !== undefined && { rating }),
    ...(retract === true && { retract }),
    ...(weight !== undefined && { weight }),
    ...(slice !== undefined && { slice }),
    ...(id !== undefined && { id }),
    ...(source !== undefined && { source }),
  }
}
