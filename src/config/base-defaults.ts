/** The defaults of base and task for a model, most of them only if the config names no adapter. Keys in the config take precedence. */
import type { ModelDefaults } from '../contracts/base.ts'
import type { TaskPlugin } from '../contracts/task.ts'
import { defaults } from '../plugins.ts'
import type { PluginTable } from './schema/plugin-table.ts'
import { isRecord } from './schema/shape.ts'
import { UnparsedText } from './unparsed.ts'

/** The tree of a config, before the schema is applied. */
export function withBaseDefaults(tree: unknown, plugins: PluginTable): unknown {
  const found = isRecord(tree) ? given(tree.models) : undefined
  if (!isRecord(tree) || !isRecord(found)) return tree
  const models = Object.entries(found).map(([name, model]) => [name, ofModel(model, plugins)])
  return { ...tree, models: Object.fromEntries(models) as unknown }
}

function ofModel(written: unknown, { bases, tasks }: PluginTable): unknown {
  if (!isRecord(written)) return written
  const { name, settings } = chosenIn(given(written.base))
  const task = chosenIn(given(written.task) ?? defaults.task).name
  const [plugin, taskPlugin] = [named(bases, name), named(tasks, task)]
  const ofBase =
    given(written.adapter) === undefined && isRecord(settings)
      ? recipeFor(written, taskPlugin, plugin?.defaults?.(present(settings)))
      : undefined
  const model = {
    ...written,
    ...trainOf(written, { ...plugin?.train, ...taskPlugin?.train, ...ofBase?.train }),
    ...explorationOf(written, taskPlugin?.exploration),
  }
  if (ofBase === undefined || !isRecord(settings)) return model
  return {
    ...model,
    ...(ofBase.base && {
      base: {
        ...(isRecord(written.base) && written.base),
        [name]: over(ofBase.base, settings),
      },
    }),
    adapter: ofBase.adapter,
    ...Object.fromEntries(policyKinds.flatMap((kind) => policyOf(kind, written, ofBase))),
  }
}

function explorationOf(written: Readonly<Record<string, unknown>>, policy: string | undefined) {
  if (policy === undefined) return {}
  return { exploration: given(written.exploration) ?? { policy } }
}

const policyKinds = ['replay', 'rate', 'trigger', 'memory'] as const

function policyOf(
  kind: (typeof policyKinds)[number],
  written: Readonly<Record<string, unknown>>,
  defaults: Recipe,
): readonly (readonly [string, unknown])[] {
  const chosen = given(written[kind]) ?? defaults[kind]
  return defaults[kind] === undefined ? [] : [[kind, chosen]]
}

type Recipe = NonNullable<ModelDefaults['forOpenClasses']>

/** What the base brings for the classes that the model answers with, none, those of a list, any that appear, or any number of them; or for its positions. */
function recipeFor(
  written: Readonly<Record<string, unknown>>,
  task: TaskPlugin | undefined,
  ofBase: ModelDefaults | undefined,
): Recipe | undefined {
  if (ofBase === undefined) return undefined
  const { forClasses, forOpenClasses, forPositions, forIndependent, ...recipe } = ofBase
  if (task?.reads === 'positions') return { ...recipe, ...forPositions }
  if (task?.areIndependent === true) return { ...recipe, ...forIndependent }
  if (task?.hasClasses !== true) return recipe
  const labels = given(written.labels)
  const areOpen = isRecord(labels) && given(labels.open) === true
  return areOpen && forOpenClasses ? forOpenClasses : { ...recipe, ...forClasses }
}

function named<Plugin>(table: Readonly<Record<string, Plugin>>, name: string): Plugin | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function trainOf(
  model: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): { readonly train?: unknown } {
  const train = given(model.train) ?? {}
  if (!isRecord(train) || Object.keys(defaults).length === 0) return {}
  return { train: over(defaults, train) }
}

/** `minilm`, or a mapping with one key: `{ features: … }`. */
function chosenIn(written: unknown): { readonly name: string; readonly settings: unknown } {
  if (typeof written === 'string') return { name: written, settings: {} }
  const [name = ''] = isRecord(written) ? Object.keys(written) : []
  return { name, settings: isRecord(written) ? given(written[name]) : undefined }
}

function present(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, given(value)]))
}

/** Undefined also for a key without a value. */
function given(value: unknown): unknown {
  return (value instanceof UnparsedText ? value.for({}) : value) ?? undefined
}

function over(
  defaults: Readonly<Record<string, unknown>>,
  written: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const present = Object.entries(written).filter(([, value]) => value !== null)
  return { ...defaults, ...Object.fromEntries(present) }
}
