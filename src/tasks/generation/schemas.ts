/** The fields of a generation in the JSON that people see. */
import { Type } from 'typebox'
import type { TaskSchemas } from '../../contracts/task-view.ts'

const Count = Type.Integer({ minimum: 0 })
const Share = Type.Number({ description: 'between 0 and 1' })
const Loss = Type.Number({ description: '−log p of a token of a completion, the mean' })
const Perplexity = Type.Number({ description: 'e to the power of the loss of a token' })

export const meaning =
  'mean over examples: of a completion the geometric mean of its tokens’ probabilities, of a pair whether it is in the right order, of answers with rewards the mean of these'

export const generationSchemas = {
  answer: Type.Object({
    text: Type.String(),
    finish_reason: Type.Unsafe<'stop' | 'length'>({
      type: 'string',
      enum: ['stop', 'length'],
      description: 'length: max_tokens was reached',
    }),
  }),
  facts: Type.Object({}),
  stratum: Type.Object({}),
  quality: Type.Object({
    events: Type.Integer({ description: 'examples, each answered before it was learned' }),
    accuracy: Type.Number({ description: meaning }),
    accuracy_recent: Share,
    completions: Type.Object({
      events: Count,
      token_loss: Loss,
      token_loss_recent: Loss,
      perplexity: Perplexity,
      perplexity_recent: Perplexity,
    }),
    pairs: Type.Object({
      events: Count,
      reward_accuracy: Type.Number({
        description: 'share of pairs with the higher reward on the chosen side',
      }),
      reward_accuracy_recent: Share,
      margin_recent: Type.Number({
        description: 'by how much the rewards log π − log ρ differ, the mean',
      }),
    }),
    ratings: Type.Object({
      events: Count,
      up: Type.Number({ description: 'share of the ratings that are 1' }),
      up_recent: Share,
    }),
    rewards: Type.Object({
      events: Count,
      reward: Type.Number({ description: 'of answers with rewards, from 0 to 1, the mean' }),
      reward_recent: Share,
    }),
    answers: Type.Object(
      {
        events: Count,
        characters_recent: Type.Number({ description: 'length, the mean' }),
        repetition_recent: Type.Number({
          description: 'share of the runs of three words that occurred before in the answer',
        }),
      },
      { description: 'served answers that were rated or corrected' },
    ),
  }),
  brief: Type.Object({
    token_loss_recent: Loss,
    perplexity_recent: Perplexity,
    reward_accuracy_recent: Share,
    ratings_up_recent: Share,
    reward_recent: Share,
    characters_recent: Type.Number(),
    repetition_recent: Share,
  }),
} satisfies TaskSchemas
