/**
 * The schema of one model: its base, its labels, and how it learns and what it keeps. Every key has a default except
 * `labels`.
 */
import { Type, type TProperties, type TSchema } from 'typebox'
import type { AdapterConfig } from '../../contracts/adapter.ts'
import type { Settings, ValueOf, SettingsOf } from '../../contracts/core.ts'
import { bases, defaults, methods } from '../../plugins.ts'
import type { BasePlugin } from '../../contracts/base.ts'
import type { PluginTable } from '../plugins/plugin-table.ts'
import { taskChoices, taskSettings, type TaskChoice } from './task-choice.ts'
import { choiceByKey, choiceByName, section } from './parts.ts'
import { defenceSchema } from './defence.ts'
import { schemaOf, schemasOf } from '../plugins/setting-schema.ts'

const label = Type.String({ minLength: 1 })

/** What every method has; the rest is its own. */
export type ChosenMethod = Pick<AdapterConfig, 'method' | 'tail_layers'> &
  Readonly<Record<string, unknown>>

/** A choice by a key among plug-ins; `{ policy: count, every: 16 }`. */
function choiceOf<Key extends string>(
  key: Key,
  table: Readonly<Record<string, { readonly settings: Settings }>>,
  byDefault: string,
  description: string,
) {
  const branches = Object.entries(table).map(([name, { settings }]) => [name, schemasOf(settings)])
  const schema = choiceByKey(
    key,
    Object.fromEntries(branches) as Record<string, TProperties>,
    byDefault,
    description,
  )
  return Type.Unsafe<Readonly<Record<Key, string> & Record<string, unknown>>>(schema)
}

type ChosenPolicy = Readonly<Record<'policy', string> & Record<string, unknown>>

/** `{ policy: margin }`, or a list of such mappings. */
function oneOrMore(one: TSchema, byDefault: string, description: string) {
  const { description: _description, ...item } = one as Readonly<Record<string, unknown>>
  return Type.Unsafe<ChosenPolicy | readonly ChosenPolicy[]>({
    anyOf: [item, { type: 'array', items: item, minItems: 1, uniqueItems: true }],
    default: { policy: byDefault },
    description,
  })
}

/** A choice by name among plug-ins: `{ kafka: { … } }`. */
function namedOf(table: Readonly<Record<string, { readonly settings: Settings }>>, what: string) {
  const branches = Object.entries(table).map(([name, { settings }]) => [
    name,
    Type.Object(schemasOf(settings), { additionalProperties: false }),
  ])
  const schema = choiceByName(Object.fromEntries(branches) as Record<string, TSchema>, what)
  return Type.Unsafe<NamedChoice>(schema)
}

/** Its one key is the name of a plug-in, its value that plug-in's settings. */
export type NamedChoice = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const baseChoice = Type.Unsafe<BaseChoice>(
  choiceByName(
    Object.fromEntries(
      Object.entries<BasePlugin>(bases).map(([name, plugin]) => [name, baseSchema(plugin)]),
    ),
    'the frozen network',
    defaults.base,
  ),
)

/** Null where the name alone says all. */
function baseSchema({ settings, inline }: BasePlugin): TSchema | null {
  if (Object.keys(settings).length === 0) return null
  const only = inline === undefined ? undefined : settings[inline]
  if (only !== undefined) return schemaOf(only)
  return Type.Object(schemasOf(settings), { additionalProperties: false })
}

/** `use-lite`, `{ bert: ./folder }`, `{ features: { … } }`. */
export type BaseChoice = {
  [Name in keyof typeof bases]: (typeof bases)[Name] extends {
    readonly inline: infer Inline
    readonly settings: infer Table
  }
    ? Readonly<Record<Name, ValueOf<Table[Inline & keyof Table]>>>
    : keyof (typeof bases)[Name]['settings'] extends never
      ? Name
      : Readonly<Record<Name, SettingsOf<(typeof bases)[Name]['settings']>>>
}[keyof typeof bases]

const labels = Type.Union(
  [
    Type.Array(label, { minItems: 2, uniqueItems: true }),
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
            description: 'old name → new name: the model keeps what it learned under the new name',
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

const rate = { exclusiveMinimum: 0, maximum: 10 }
const train = section(
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
      description: 'replayed examples per step, beside the new ones',
    }),
    epochs: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 1,
      description: 'passes over new examples',
    }),
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
    max_tokens: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 512,
        deprecated: true,
        description: 'the old place of max_tokens, which belongs beside base',
      }),
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

export function modelSchemaOf({ sources, sinks, policies }: PluginTable) {
  const policy = (kind: keyof PluginTable['policies'], description: string) =>
    choiceOf('policy', policies[kind], defaults.policies[kind], description)
  const onePolicyOrMore = (kind: keyof PluginTable['policies'], description: string) =>
    oneOrMore(policy(kind, description), defaults.policies[kind], description)
  return Type.Object(
    {
      base: baseChoice,
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
          taskChoices,
          'what it answers: a label, a number, or a text',
          'classification',
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
      keep_versions: Type.Optional(
        Type.Integer({
          minimum: 2,
          maximum: 100_000,
          description: 'the same as keep: { last: …, hourly: 0, daily: 0 }',
        }),
      ),
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
      isolate: Type.Boolean({
        default: false,
        description: 'run this model in a separate trainer process',
      }),
    },
    { additionalProperties: false, elsewhere: taskSettings },
  )
}
