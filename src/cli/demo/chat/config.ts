/**
 * The chat demo's two models on one base: `support` learns by the defaults of a generation, and the other with nothing beside the
 * new examples, neither replayed ones nor general answers, to show what these prevent.
 */
import { heldOutQuestions } from './data.ts'

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
