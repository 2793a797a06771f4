/** Choices among plug-ins: by a key (`{ policy: count, every: 16 }`) or by name (`{ kafka: { … } }`). */
import { Type, type TProperties, type TSchema } from 'typebox'
import type { AdapterConfig } from '../../contracts/adapter.ts'
import type { Setting, Settings, ValueOf, SettingsOf } from '../../contracts/core.ts'
import { defaults, type bases } from '../../plugins.ts'
import type { BasePlugin } from '../../contracts/base.ts'
import type { PluginTable } from './plugin-table.ts'
import { choiceByKey, choiceByName, section } from './parts.ts'
import { schemaOf, schemasOf } from './setting-schema.ts'

/** The settings that every method has; others are its own. */
export type ChosenMethod = Pick<AdapterConfig, 'method' | 'tail_layers'> &
  Readonly<Record<string, unknown>>

/** A choice by a key among plug-ins; `{ policy: count, every: 16 }`. */
export function choiceOf<Key extends string>(
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
export function oneOrMore(one: TSchema, byDefault: string, description: string) {
  const { description: _description, ...item } = one as Readonly<Record<string, unknown>>
  return Type.Unsafe<ChosenPolicy | readonly ChosenPolicy[]>({
    anyOf: [item, { type: 'array', items: item, minItems: 1, uniqueItems: true }],
    default: { policy: byDefault },
    description,
  })
}

/** A choice by name among plug-ins: `{ kafka: { … } }`. */
export function namedOf(
  table: Readonly<Record<string, { readonly settings: Settings }>>,
  what: string,
) {
  const branches = Object.entries(table).map(([name, { settings }]) => [
    name,
    Type.Object(schemasOf(settings), { additionalProperties: false }),
  ])
  const schema = choiceByName(Object.fromEntries(branches) as Record<string, TSchema>, what)
  return Type.Unsafe<NamedChoice>(schema)
}

/** Surfaces by name: the settings of each, or false; v1, which commands and page call, is always on. */
export function surfacesOf({ v1: _always, ...others }: PluginTable['surfaces']) {
  const entries = Object.entries(others).map(([name, { summary, settings }]) => {
    const own = Type.Object(schemasOf(settings), { additionalProperties: false })
    const description = `${summary}; false = it is off`
    return [name, Type.Union([Type.Literal(false), own], { default: {}, description })]
  })
  const schema = section(
    Object.fromEntries(entries) as TProperties,
    'what answers over HTTP beside /v1',
  )
  return Type.Unsafe<SurfaceChoices>(schema)
}

export type SurfaceChoices = Readonly<Record<string, false | Readonly<Record<string, unknown>>>>

/** Its one key is the name of a plug-in, its value that plug-in's settings. */
export type NamedChoice = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export function baseChoiceOf(bases: PluginTable['bases']) {
  const choiceAmong = (plugins: PluginTable['bases'], description: string, parts?: TSchema) => {
    const branches = Object.entries(plugins).map(([name, plugin]) => [
      name,
      baseSchema(plugin, parts),
    ])
    const table = Object.fromEntries(branches) as Record<string, TSchema | null>
    return [table, description] as const
  }
  const single = Object.fromEntries(Object.entries(bases).filter(([, plugin]) => !hasParts(plugin)))
  const part = choiceByName(...choiceAmong(single, 'the frozen network of a field'))
  return Type.Unsafe<BaseChoice>(
    choiceByName(...choiceAmong(bases, 'the frozen network', part), defaults.base),
  )
}

/** Whether one of its settings names other bases. */
function hasParts({ settings }: BasePlugin): boolean {
  const names = (setting: Setting): boolean => {
    if (setting.type === 'group') return Object.values(setting.settings).some(names)
    if (setting.type === 'either') return setting.of.some(names)
    return setting.type === 'list' || setting.type === 'map'
      ? names(setting.of)
      : setting.type === 'base'
  }
  return Object.values(settings).some(names)
}

/** Null where the name alone says all. */
function baseSchema({ settings, inline }: BasePlugin, parts?: TSchema): TSchema | null {
  if (Object.keys(settings).length === 0) return null
  const only = inline === undefined ? undefined : settings[inline]
  if (only !== undefined) return schemaOf(only, parts)
  return Type.Object(schemasOf(settings, parts), { additionalProperties: false })
}

/** `use-lite`, `{ bert: ./folder }`, `{ features: { … } }`; one loaded by path is written in the same ways. */
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

/**
 * The tasks that a model may choose from: written `name` alone, or `{ name: settings }` where a task has settings.
 *
 * The settings are those of the task's own table, which its `open` reads.
 */
export type TaskChoice = string | Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Each setting of a task, with the task that has it. */
export function taskSettingsOf(tasks: PluginTable['tasks']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(tasks).flatMap(([task, { settings }]) =>
      Object.keys(settings).map((name) => [
        name,
        `it belongs to task: { ${task}: { ${name}: … } }`,
      ]),
    ),
  )
}

export function taskChoicesOf(
  tasks: PluginTable['tasks'],
): Readonly<Record<string, TSchema | null>> {
  const closed = { additionalProperties: false, hints: taskSettingsOf(tasks) }
  return Object.fromEntries(
    Object.entries(tasks).map(([name, { settings }]) => [
      name,
      Object.keys(settings).length === 0 ? null : Type.Object(schemasOf(settings), closed),
    ]),
  )
}
