/** The daemon as the chat demo uses it: only through its HTTP API. */
import type { ChatMessage } from '../../../contracts/event.ts'
import { openClient } from '../../../client/client.ts'
import { waitForLearned } from '../../remote/wait-for.ts'
import { daemonAt } from '../daemon.ts'
import type { DemoDaemon } from '../teach.ts'
import { mostTokens, type ChatModel } from './config.ts'

export interface ChatDaemon extends Pick<
  DemoDaemon,
  'feedback' | 'status' | 'rollback' | 'versions'
> {
  /** The likeliest answer, or with a seed one that is drawn. */
  ask(model: ChatModel, question: string, how?: AnswerOptions): Promise<ChatAnswer>
  /** Resolves when the version that has learned the event at `position` answers. */
  untilServed(model: ChatModel, position: string): Promise<void>
}

export interface AnswerOptions {
  readonly seed?: number
  /** Most tokens of the answer; absent = as many as any answer may have. */
  readonly tokens?: number
}

export interface ChatAnswer {
  /** Feedback may refer to it as `prediction_id`. */
  readonly id: string
  readonly text: string
  readonly finish_reason: string
}

const LONGEST_SECONDS = 600

/** The system message before each question. */
const SYSTEM = 'You work in the support of a shop.'

export function conversation(question: string) {
  return { messages: [said('system', SYSTEM), said('user', question)] }
}

function said<Role extends ChatMessage['role']>(role: Role, content: string) {
  return { role, content }
}

export function chatDaemonAt(url: string): ChatDaemon {
  const client = openClient({ url, timeoutMs: 1000 * LONGEST_SECONDS })
  return {
    ...daemonAt(url),
    async ask(model, question, { seed, tokens = mostTokens } = {}) {
      const drawn = seed === undefined ? { temperature: 0 } : { temperature: 0.8, seed }
      const generate = { max_tokens: tokens, ...drawn }
      const { predictions } = await client
        .model(model)
        .predict([conversation(question)], { generate })
      const [answer] = predictions
      if (answer === undefined) throw new Error('an answer without a prediction')
      const { id, text = '', finish_reason = 'stop' } = answer
      return { id, text, finish_reason }
    },
    async untilServed(model, position) {
      await waitForLearned({ api: client.model(model) }, position, LONGEST_SECONDS)
    },
  }
}
