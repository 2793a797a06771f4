/** How the versions of a model are compared. */
import { Type } from 'typebox'
import { section } from './parts.ts'

export const evaluation = section(
  {
    restore_after_holds: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 0,
      description:
        'candidates in a row held because of their scores, after which the learner goes back to the live version, or to one that is shown to be better, and sets aside what came since; 0 = it learns on',
    }),
    held_out: section(
      {
        share: Type.Number({
          minimum: 0,
          maximum: 0.5,
          default: 0,
          description:
            'of all examples, drawn by a hash of the event: they are scored and never learned; 0 = none',
        }),
        capacity: Type.Integer({
          minimum: 1,
          maximum: 100_000,
          default: 500,
          description:
            'number of held-out examples that are kept, evenly over strata such as labels',
        }),
      },
      'examples on which promotion compares a candidate with the live version',
    ),
    overfitting: section(
      {
        gap: Type.Number({
          exclusiveMinimum: 0,
          maximum: 1000,
          default: 0.5,
          description:
            'how far the loss of unseen rows may be above that of replayed rows, in the unit of the loss',
        }),
        updates: Type.Integer({
          minimum: 1,
          maximum: 100_000,
          default: 20,
          description: 'updates in a row with a larger gap after which there is a warning',
        }),
      },
      'when to warn that the model memorises its examples',
    ),
    slices: section(
      {
        examples: Type.Integer({
          minimum: 10,
          maximum: 1_000_000,
          default: 100,
          description: 'that a slice must have before its accuracy is compared with other slices',
        }),
      },
      'parts of the population, which events name as slice',
    ),
  },
  'how versions are compared',
)
