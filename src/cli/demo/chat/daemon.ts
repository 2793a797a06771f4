/** The daemon as the chat demo uses it: only through its HTTP API. */
import type { ChatMessage } from '../../../contracts/event.ts'
import { openClient } from '../../../client/client.ts'
import { waitForLearned } from '../../remote/wait-for.ts'
import { daemonAt, type DemoDaemon } from '../daemon.ts'
import { heldOutQuestions } from './data.ts'

/**
 * The chat demo's two models on one base: `support` learns by the defaults of a generation, and the other with nothing beside the
 * new examples, neither replayed ones nor general answers, to show what these prevent.
 */
export const chatModels = ['support', 'support-no-replay'] as const
export type ChatModel = (typeof chatModels)[number]

/** Events per update. */
export const every = 24
/** Most tokens of an answer. */
export const mostTokens = 64

const generation = { max_tokens: mostTokens, temperature: 0 }
const usual = {
  base: 'smollm2',
  task: { generation },
  max_tokens: 256,
  // By event count only, so that every run gives the same numbers.
  trigger: { policy: 'count', every, rest: 0 },
  promotion: { policy: 'always' },
  sources: [{ http: {} }],
}

/** The configuration as a file would hold it. */
export function chatConfig(dataDir: string, port: number, seed: number) {
  return {
    data_dir: dataDir,
    seed,
    server: { host: '127.0.0.1', port },
    log: { level: 'warn' },
    // On a busy machine a text takes long. All held-out questions are answered at once, beside the client that asks all the time.
    limits: { request_ms: 300_000, generation_texts: heldOutQuestions.length + 1 },
    models: {
      support: usual,
      'support-no-replay': {
        ...usual,
        task: { generation: { ...generation, general_batch: 0 } },
        replay: { policy: 'none' },
      },
    },
  }
}

export interface ChatDaemon extends Pick<
  DemoDaemon,
  'feedback' | 'status' | 'rollback' | 'versions'
> {
  /** The likeliest answer, or with a seed one that is drawn. */
  ask(model: ChatModel, question: string, how?: AnswerOptions): Promise<ChatAnswer>
  /** Resolves when the version that has learned the event at `position` answers. */
  untilServed(model: ChatModel, position: string): Promise<void>
}

interface AnswerOptions {
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
