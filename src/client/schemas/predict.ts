/** The request and the answer of a prediction. */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import { Count, Name, Time, flag, integer, number, text } from './parts.ts'

const Strict = { additionalProperties: false }

const Generate = Type.Object(
  {
    max_tokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'most tokens of a text; at most limits.answer_tokens',
      }),
    ),
    temperature: Type.Optional(
      Type.Number({ minimum: 0, maximum: 2, description: '0 = always the likeliest token' }),
    ),
    top_p: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'the share of probability that tokens are drawn from',
      }),
    ),
    seed: Type.Optional(integer('the same seed gives the same text of the same version')),
    stop: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
        maxItems: 16,
        description: 'texts that end an answer, and are not in it',
      }),
    ),
  },
  {
    ...Strict,
    description:
      'how a model with task: generation writes; absent: as the settings of its task say',
  },
)

const MOST_EXAMPLES = 32

/** An input is anything here, on purpose: a wrong one is reported with its own code and place. The description shows what bases read. */
export function predictBody(mostInputs: number) {
  return Type.Object(
    {
      inputs: Type.Array(Type.Unsafe<Json>({}), { minItems: 1, maxItems: mostInputs }),
      version: Type.Optional(text('answer with this version instead of the live one')),
      at: Type.Optional(
        Type.String({
          format: 'date-time',
          description: 'answer with the version that was live at this time',
        }),
      ),
      key: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 256,
          description:
            'of the user or session: the same key stays on the same side of a canary; also as x-antikythera-key',
        }),
      ),
      without: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 256,
          description:
            'answer with the live version as it would be without the events of this source; for closed forms with exact sums, with the role operate',
        }),
      ),
      because: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: MOST_EXAMPLES,
          description:
            'with each answer this many learned examples that it rests on most, with the role read',
        }),
      ),
      generate: Type.Optional(Generate),
    },
    Strict,
  )
}

export type PredictBody = Static<ReturnType<typeof predictBody>>

export const Because = Type.Object({
  source: text('with the id, the event that taught it'),
  id: Type.String(),
  time: Type.Optional(Time),
  similarity: number('cosine to the input, in the embedding that the head of the version reads'),
  target: Type.Record(Type.String(), Type.Unknown(), {
    description: 'what it taught, such as { label }',
  }),
})

export type Because = Static<typeof Because>

const AnswerSource = Type.Object({
  source: text('with the id, the event that taught it'),
  id: Type.String(),
  similarity: number('cosine of its question to the one that was asked; 1: the same question'),
})

export const Prediction = Type.Object({
  id: text('feedback may refer to it as prediction_id'),
  truncated: Type.Optional(
    flag(
      'true: the text is longer than max_tokens and was truncated, or the prompt lost its oldest turns',
    ),
  ),
  tokens: Type.Optional(
    Type.Object(
      { kept: Count, dropped: Count },
      { description: 'of a truncated text, as the base counts them' },
    ),
  ),
  parts: Type.Optional(
    Type.Array(
      Type.Object({
        answer: text('the label that it decided for'),
        from: integer('its first character'),
        to: integer('the character behind its last'),
      }),
      {
        description:
          'of a document: for each label of the answer the part that has it most, in characters (Unicode code points)',
      },
    ),
  ),
  usage: Type.Optional(
    Type.Object(
      { prompt_tokens: Count, completion_tokens: Count },
      { description: 'of a text that was written, the token that ended it included' },
    ),
  ),
  sources: Type.Optional(
    Type.Array(AnswerSource, {
      description:
        'with memory: { policy: retrieval }: the events whose answers this one was given, the nearest question first',
    }),
  ),
  sources_cut: Type.Optional(
    integer('how many further ones the context had no room for; absent: none'),
  ),
  because: Type.Optional(
    Type.Array(Because, {
      description:
        'with because: the learned examples that are nearest to the input, the nearest first; none if the version has learned nothing',
    }),
  ),
})

/** Beside its predictions. */
export const Answered = Type.Object({
  model: Name,
  version: Name,
  digest: Type.String(),
  generation: Type.Optional(
    integer('generation of the live pointer; absent for a version requested by name'),
  ),
  arm: Type.Optional(text('canary: a version on trial has answered; absent: it has not')),
})
