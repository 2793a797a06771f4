/**
 * A model with `shards: n` is learned by n models, `NAME.shard-0-of-n` and so on, each with a lease, a checkpoint, versions and
 * a process of its own; the model itself is merged from them. Their names have the number, so that another number begins
 * with the events again instead of adding two halves that overlap.
 */
import { defaults } from '../plugins.ts'
import type { Shard } from '../intake/shard-events.ts'
import type { PluginTable } from './schema/plugin-table.ts'
import type { Path, Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import { isClosedForm } from './tasks.ts'

const NAME = /^(.+)\.shard-(\d+)-of-(\d+)$/
const MOST_CHARACTERS = 64

/** The models that a model is merged from, in their order; none for most models. */
export function shardsOf({ models }: Pick<Config, 'models'>, model: string): readonly string[] {
  const { shards = 1 } = models[model] ?? {}
  return shards === 1 ? [] : namesOf(model, shards)
}

/** The model that a shard of this name would be a part of. */
export function wholeOf(name: string): string | undefined {
  return NAME.exec(name)?.[1]
}

/** Undefined for a model that is no shard of another. */
export function shardIn({ models }: Pick<Config, 'models'>, name: string): Shard | undefined {
  const [, model = '', at, of] = NAME.exec(name) ?? []
  const isShard = of !== undefined && models[model]?.shards === Number(of)
  return isShard ? { model, at: Number(at), of: Number(of) } : undefined
}

/** The models of a config as it was written, without shards. */
export function writtenModels(config: Config): Config['models'] {
  const models = Object.entries(config.models)
  return Object.fromEntries(models.filter(([name]) => shardIn(config, name) === undefined))
}

/** The shards are models like others. */
export function withShards(config: Config): Config {
  const models = Object.entries(config.models).flatMap(([name, model]) => {
    if (model.shards === 1) return [[name, model] as const]
    const { predictions: _ofAnswers, ...sinks } = model.sinks
    const shard = { ...model, shards: 1, sinks, isolate: true }
    return [
      [name, model] as const,
      ...namesOf(name, model.shards).map((own) => [own, shard] as const),
    ]
  })
  return { ...config, models: Object.fromEntries(models) }
}

function namesOf(model: string, shards: number): readonly string[] {
  return Array.from({ length: shards }, (_, at) => `${model}.shard-${at}-of-${shards}`)
}

/** Parts that judge or remember more than sums, which a shard has alone. */
const plainParts = ['memory', 'few_shot', 'promotion', 'rollout', 'rollback'] as const

export function shardProblems(
  model: ModelConfig,
  _config: Config,
  plugins: PluginTable,
): readonly Problem[] {
  if (model.shards === 1) return []
  const { adapter, trigger, defence, evaluation, sources } = model
  const part = (path: Path, message: string): readonly Problem[] => [
    { path, at: 'value', code: 'SHARDS_NEED_SUMS', message },
  ]
  const isPlain = (kind: (typeof plainParts)[number]) =>
    [model[kind]].flat().every(({ policy }) => policy === defaults.policies[kind])
  return [
    ...(isClosedForm(adapter, plugins)
      ? []
      : part(
          ['adapter', 'method'],
          `is ${adapter.method}, which has no sums to add; choose anacp, ranpac, slda or ncm`,
        )),
    ...plainParts.flatMap((kind) =>
      isPlain(kind)
        ? []
        : part([kind], `does not go with shards; leave it out, or use ${defaults.policies[kind]}`),
    ),
    ...('on_drift' in trigger
      ? part(['trigger'], 'begins again by what one shard sees; choose count')
      : []),
    ...(defence.enabled
      ? part(['defence', 'enabled'], 'judges sources by what one shard sees; leave it out')
      : []),
    ...(evaluation.held_out.share > 0
      ? part(
          ['evaluation', 'held_out', 'share'],
          'is for promotion policies, which do not go with shards; use 0',
        )
      : []),
    ...sources.flatMap((source, at) => sourceProblems(source, ['sources', at], part)),
  ]
}

function sourceProblems(
  source: ModelConfig['sources'][number],
  path: Path,
  part: (path: Path, message: string) => readonly Problem[],
): readonly Problem[] {
  return Object.entries(source).flatMap(([name, settings]) => {
    if (Object.hasOwn(defaults.sources[0], name))
      return part(
        [...path, name],
        'has one reader, and each shard reads everything; use a topic, a stream or a file',
      )
    const hasGroup =
      typeof settings === 'object' && 'group' in settings && settings.group !== undefined
    return hasGroup
      ? part(
          [...path, name, 'group'],
          'would divide the topic among the shards, which read all of it; leave it out',
        )
      : []
  })
}

/** Names that shards take, or that are too long for them. */
export function shardNameProblems({ models }: Config): readonly Problem[] {
  return Object.keys(models).flatMap((name) => {
    const own = shardsOf({ models }, name)
    const taken = own.find((shard) => shard in models)
    const message =
      taken !== undefined
        ? `needs the name ${taken}, which is a model already; rename that one`
        : own.some((shard) => shard.length > MOST_CHARACTERS)
          ? `needs a model with a shorter name: that of a shard, ${own[0] ?? ''}, has more than ${MOST_CHARACTERS} characters`
          : undefined
    return message === undefined
      ? []
      : [{ path: ['models', name, 'shards'], at: 'value' as const, message }]
  })
}
