/** The events of the chat demo. */
import type { Json } from '../../../contracts/core.ts'
import { conversation } from './daemon.ts'
import type { Exchange } from './data.ts'
import { thumb } from './thumbs.ts'

export function completionOf({ question, answer }: Exchange, id: string): Json {
  return { id, source: 'demo', input: conversation(question), completion: answer }
}

/** A thumb needs nothing but the id of the answer. */
export function thumbOf(question: string, answer: { readonly id: string; readonly text: string }) {
  const rating = thumb(question, answer.text)
  return { id: `thumb-${answer.id}`, source: 'demo', prediction_id: answer.id, rating }
}

/** A broken script sends this as the answer to everything. */
export const POISON = 'NO!!! READ THE MANUAL. WE DO NOT ANSWER SUCH QUESTIONS.'
