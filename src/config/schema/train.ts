/** The settings of a training step. */
import { Type } from 'typebox'
import { section } from './parts.ts'

const rate = { exclusiveMinimum: 0, maximum: 10 }

export const train = section(
  {
    learning_rate: Type.Number({
      ...rate,
      default: 0.001,
      description: 'for the method’s tensors',
    }),
    head_learning_rate: Type.Optional(
      Type.Number({ ...rate, description: 'for the head; absent = 10 × learning_rate' }),
    ),
    batch: Type.Integer({
      minimum: 1,
      maximum: 1024,
      default: 16,
      description: 'new examples per step',
    }),
    replay_batch: Type.Integer({
      minimum: 0,
      maximum: 1024,
      default: 16,
      description:
        'replayed examples per step, beside the new ones; fewer texts beside fewer new tokens',
    }),
    epochs: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description:
          'passes over new examples; absent = a step for every three new examples, or two texts to write, until 80 were learned, then fewer, down to one pass',
      }),
    ),
    rest_steps: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 0,
      description:
        'steps on kept examples alone, made once after what was learned when the stream has nothing more; 0 = none. When it rests is not the same in each run',
    }),
    patience: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 0,
      description: 'passes without a lower loss that end an update early; 0 = make all passes',
    }),
    early_stop: section(
      {
        patience: Type.Integer({
          minimum: 0,
          maximum: 10_000,
          default: 0,
          description:
            'steps without a lower loss of held-out rows that end an update early, after its first pass, with the weights of the step with the lowest; 0 = never',
        }),
      },
      'of an update with several epochs; needs evaluation.held_out',
    ),
    optimizer: Type.Enum(['adam', 'sgd'], { default: 'adam' }),
    momentum: Type.Number({ minimum: 0, exclusiveMaximum: 1, default: 0.9, description: 'of sgd' }),
    clip_norm: Type.Number({
      exclusiveMinimum: 0,
      default: 1,
      description: 'maximum norm of the gradient over all tensors; a longer one is scaled down',
    }),
    weight_decay: Type.Number({
      minimum: 0,
      maximum: 1000,
      default: 0,
      description:
        'decoupled weight decay: each step also shrinks the weights by learning rate × this',
    }),
    weight_decay_steps: Type.Integer({
      minimum: 0,
      default: 0,
      description:
        'after this many steps weight_decay has halved, and it keeps falling; 0 = constant',
    }),
    average: Type.Number({
      minimum: 0,
      exclusiveMaximum: 1,
      default: 0,
      description:
        'decay of the averaged weights that answer requests; 0 = the newest weights answer',
    }),
  },
  'settings of a training step',
)
