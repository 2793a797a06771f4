/** How a generation learns, and how it answers a request that does not say. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'

const weight = { type: 'number', minimum: 0, maximum: 100, default: 1 } as const

export const generationSettings = {
  beta: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 100,
    default: 0.1,
    description:
      'how far ratings and pairs may move the answers from those of the base: larger = less far (β of DPO and KTO)',
  },
  up_weight: { ...weight, description: 'what an answer rated 1 counts for in the loss' },
  liked_weight: {
    ...weight,
    default: 0,
    description: 'the same for its text, learned as a completion beside the rating',
  },
  down_weight: { ...weight, description: 'what an answer rated -1 counts for in the loss' },
  correction_weight: {
    ...weight,
    description:
      'what counts of a correction beside its text: that it is better than the served answer; 0 = the text alone',
  },
  kl: {
    type: 'number',
    minimum: 0,
    maximum: 100,
    default: 0,
    description:
      'holds tokens of completions near the base: times half the squared difference of log probabilities',
  },
  general_batch: {
    type: 'integer',
    minimum: 0,
    maximum: 64,
    default: 2,
    description:
      'general answers beside each step, held near the base, so that it keeps its other skills; 0 = none',
  },
  max_tokens: {
    type: 'integer',
    minimum: 1,
    maximum: 8192,
    default: 256,
    description: 'most tokens of an answer, where the request does not say',
  },
  temperature: {
    type: 'number',
    minimum: 0,
    maximum: 2,
    default: 1,
    description: 'the same for its temperature: 0 = always the likeliest token',
  },
  top_p: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1,
    default: 1,
    description: 'the same for the share of probability that tokens are drawn from',
  },
  reward: {
    type: 'path',
    description:
      'a module whose default export says what an answer is worth, from 0 to 1: ({ input, answer }) => number; for practice',
  },
  reward_timeout: {
    ...{ type: 'duration', minimum: 100, maximum: 3_600_000, default: '30s' },
    description: 'how long it may take for the answers to one input',
  },
  overflow: {
    type: 'choice',
    options: ['refuse', 'truncate'],
    default: 'refuse',
    description:
      'a conversation without room for its answer: refuse = INPUT_TOO_LONG; truncate = it loses its oldest turns',
  },
} as const satisfies Settings

export type GenerationSettings = SettingsOf<typeof generationSettings>
