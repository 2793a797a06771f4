/** The base's defaults for a model, if the config names no adapter. Keys in the config take precedence. */
import type { BasePlugin } from '../contracts/base.ts'
import { bases } from '../plugins.ts'
import { isRecord } from './schema/shape.ts'
import { Unparsed } from './unparsed.ts'

/** The tree of a config, before the schema is applied. */
export function withBaseDefaults(tree: unknown): unknown {
  const found = isRecord(tree) ? given(tree.models) : undefined
  if (!isRecord(tree) || !isRecord(found)) return tree
  const models = Object.entries(found).map(([name, model]) => [name, ofModel(model)])
  return { ...tree, models: Object.fromEntries(models) as unknown }
}

function ofModel(model: unknown): unknown {
  if (!isRecord(model) || given(model.adapter) !== undefined) return model
  const base = given(model.base)
  const { name, written } = settingsOf(base)
  const table: Readonly<Record<string, BasePlugin>> = bases
  const plugin = Object.hasOwn(table, name) ? table[name] : undefined
  if (plugin?.defaults === undefined || !isRecord(written)) return model
  const entries = Object.entries(written).map(([key, value]) => [key, given(value)])
  const defaults = plugin.defaults(Object.fromEntries(entries) as Record<string, unknown>)
  const train = given(model.train) ?? {}
  return {
    ...model,
    ...(defaults.base && {
      base: { ...(isRecord(base) && base), [name]: over(defaults.base, written) },
    }),
    adapter: defaults.adapter,
    ...(defaults.train && { train: isRecord(train) ? over(defaults.train, train) : train }),
    ...(defaults.replay && { replay: given(model.replay) ?? defaults.replay }),
    ...(defaults.rate && { rate: given(model.rate) ?? defaults.rate }),
    ...(defaults.memory &&
      hasClasses(given(model.task)) && { memory: given(model.memory) ?? defaults.memory }),
  }
}

/** `minilm`, or a mapping with one key: `{ features: … }`. */
function settingsOf(base: unknown): { readonly name: string; readonly written: unknown } {
  if (typeof base === 'string') return { name: base, written: {} }
  const [name = ''] = isRecord(base) ? Object.keys(base) : []
  return { name, written: isRecord(base) ? given(base[name]) : undefined }
}

/** Kept examples vote for classes. `task` as it is written: absent, a name, or a mapping from it. */
function hasClasses(task: unknown): boolean {
  const [name] = isRecord(task) ? Object.keys(task) : [task ?? 'classification']
  return name === 'classification'
}

/** Undefined also for a key without a value. */
function given(value: unknown): unknown {
  return (value instanceof Unparsed ? value.for({}) : value) ?? undefined
}

function over(
  defaults: Readonly<Record<string, unknown>>,
  written: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const present = Object.entries(written).filter(([, value]) => value !== null)
  return { ...defaults, ...Object.fromEntries(present) }
}
