/**
 * The schema of one model: its base, its labels, and how it learns and what it keeps. Every key has a default except
 * `labels`.
 */
import { Type } from 'typebox'
import { defaults } from '../../plugins.ts'
import type { PluginTable } from './plugin-table.ts'
import { choiceByName, section } from './parts.ts'
import { defenceSchema } from './defence.ts'
import {
  type ChosenMethod,
  choiceOf,
  oneOrMore,
  namedOf,
  baseChoiceOf,
  taskChoicesOf,
  taskSettingsOf,
  type TaskChoice,
} from './choices.ts'
import { train } from './train.ts'

const budget = section(
  {
    cpu_seconds_per_hour: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1_000_000,
        description:
          'CPU seconds of updates, evaluation included, within an hour; when they are spent the next update waits; absent = any amount',
      }),
    ),
  },
  'what learning may cost',
)

const keep = section(
  {
    last: Type.Integer({
      minimum: 2,
      maximum: 100_000,
      default: 50,
      description:
        'number of newest versions; a rollback to one of them also restores optimizer and replay',
    }),
    hourly: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 48,
      description: 'the newest version of each of this many hours that have one',
    }),
    daily: Type.Integer({
      minimum: 0,
      maximum: 100_000,
      default: 30,
      description: 'the same for days',
    }),
    bytes: Type.Integer({
      minimum: 1024 * 1024,
      maximum: 1024 ** 4,
      default: 1024 ** 3,
      description:
        'total size, on disk and in Redis; if versions are large, last, hourly and daily share it',
    }),
  },
  'which versions keep their bytes, besides pinned ones; the others keep their manifests for a while',
)

export function modelSchemaOf(plugins: PluginTable) {
  const { bases, methods, tasks, sources, sinks, policies } = plugins
  const policy = (kind: keyof PluginTable['policies'], description: string) =>
    choiceOf('policy', policies[kind], defaults.policies[kind], description)
  const onePolicyOrMore = (kind: keyof PluginTable['policies'], description: string) =>
    oneOrMore(policy(kind, description), defaults.policies[kind], description)
  return Type.Object(
    {
      base: baseChoiceOf(bases),
      max_tokens: Type.Integer({
        minimum: 1,
        maximum: 8192,
        default: 256,
        description:
          'longer text is truncated, and the answer says so; a base may read less: use-lite reads 256; for a generation: of a prompt and its answer',
      }),
      quantize: Type.Unsafe<'none' | 'int8'>(
        Type.String({
          enum: ['none', 'int8'],
          default: 'none',
          description:
            'int8: the layers below the adapter are computed in 8 bits, about twice as fast and a little less exact; a base of its own, so choose it before the first version',
        }),
      ),
      task: Type.Unsafe<TaskChoice>(
        choiceByName(
          taskChoicesOf(tasks),
          'what it answers: a label, a number, or a text',
          defaults.task,
        ),
      ),
      labels: Type.Optional(labels),
      adapter: Type.Unsafe<ChosenMethod>(
        choiceOf('method', methods, defaults.method, 'what learns, besides the head'),
      ),
      train,
      replay: policy('replay', 'which earlier examples are kept and replayed'),
      regularizer: policy('regularizer', 'what protects earlier knowledge, besides replay'),
      memory: policy(
        'memory',
        'stored examples that vote along with the head before they are learned',
      ),
      trigger: policy('trigger', 'when pending examples are learned'),
      rate: policy('rate', 'learning-rate schedule: a factor on both learning rates'),
      few_shot: policy('few_shot', 'how the first labelled examples are learned'),
      exploration: policy('exploration', 'which item of a ranking comes next, best or not'),
      promotion: onePolicyOrMore(
        'promotion',
        'whether a finished candidate becomes live; of a list, every policy must agree',
      ),
      rollout: policy('rollout', 'how a released candidate goes live: at once, or on trial first'),
      rollback: onePolicyOrMore(
        'rollback',
        'whether the live version is rolled back automatically; of a list, each policy alone may do so',
      ),
      after_rollback: Type.Union(
        [Type.Literal('skip'), Type.Literal('continue'), Type.Literal('hold')],
        {
          default: 'skip',
          description:
            'events after the version gone back to: set aside, learned again in their order, or set aside with learning paused',
        },
      ),
      evaluation,
      budget,
      keep,
      sources: Type.Array(namedOf(sources, 'where events come from'), {
        minItems: 1,
        default: [...defaults.sources],
      }),
      sinks: section(
        {
          dead_letters: Type.Optional(
            namedOf(sinks.dead_letters, 'additional place for dead letters, besides the disk'),
          ),
          predictions: Type.Optional(
            namedOf(sinks.predictions, 'where every answer is sent, for labelling elsewhere'),
          ),
        },
        'outputs of a model',
      ),
      defence: defenceSchema,
      shards: Type.Integer({
        minimum: 1,
        maximum: 64,
        default: 1,
        description:
          'of ncm, slda, ranpac and anacp: processes that each learn a part of the events, NAME.shard-0-of-N and so on; the model is the sum of theirs',
      }),
      isolate: Type.Boolean({
        default: false,
        description: 'run this model in a separate trainer process',
      }),
    },
    { additionalProperties: false, hints: taskSettingsOf(tasks) },
  )
}

/** The labels of a model: a closed list, or one that new labels may join. */
const label = Type.String({ minLength: 1 })

const labels = Type.Union(
  [
    Type.Array(label, { minItems: 1, uniqueItems: true }),
    Type.Object(
      {
        open: Type.Boolean({ description: 'whether new labels may appear at run time' }),
        known: Type.Array(label, { uniqueItems: true, default: [] }),
        retired: Type.Array(label, {
          uniqueItems: true,
          default: [],
          description:
            'neither answered nor learned; a label removed from this list is back unchanged',
        }),
        renamed: Type.Optional(
          Type.Record(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$' }), label, {
            description:
              'old name → new name: the model keeps what it learned under the new name; if it has both, the old one is retired',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    description:
      'a closed list, or { open, known, retired }, where open: true lets new labels appear at run time',
  },
)

/** How the versions of a model are compared. */
const evaluation = section(
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
