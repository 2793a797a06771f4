/** Sends feedback from the page, and says what becomes of it, up to the version that has learned it. */
import type { FeedbackAnswer, Model } from '../../../client/answers.ts'
import { get, modelPath, send, textOf } from './client.tsx'

/** `say` hears each state. Resolves with whether a version has learned it while the page waited. */
export async function teach(
  model: string,
  event: object,
  say: (text: string) => void,
): Promise<boolean> {
  const path = modelPath(model)
  try {
    const receipt = await send<FeedbackAnswer>('POST', `${path}/feedback`, {
      source: 'page',
      ...event,
    })
    say(waitingOf(receipt))
    if (receipt.position === undefined) return false
    const learned = await learnedAt(`${path}?wait_for=${receipt.position}`)
    if (learned === undefined) return false
    say(`Learned: ${learned} answers now.`)
    return true
  } catch (error) {
    say(textOf(error))
    return false
  }
}

/** Undefined if it is not learned within the time that the daemon lets one wait: what was said of it still holds. */
async function learnedAt(path: string): Promise<string | undefined> {
  try {
    return (await get<Model>(path)).live?.version
  } catch {
    return undefined
  }
}

function waitingOf({ accepted, pending, trigger_every: every }: FeedbackAnswer): string {
  if (accepted === 0) return 'This was known already.'
  return pending === undefined || every === undefined
    ? 'Accepted. It will be learned.'
    : `Accepted: ${pending} of ${every} that start the next update.`
}
