/** The parts of one model of a config, ready for use: its base, method, task, labels, folder and limits. */
import { join } from 'node:path'
import { memoized } from '../adapters/view.ts'
import { quantized } from '../adapters/quantized.ts'
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Json } from '../contracts/core.ts'
import type { Base, BasePlugin } from '../contracts/base.ts'
import type { InputKind } from '../contracts/payload.ts'
import type { Exploration } from '../contracts/choice.ts'
import type { Task } from '../contracts/task.ts'
import { text } from '../payloads/inputs/text.ts'
import { keyed } from '../payloads/reading.ts'
import { invariant } from '../platform/errors.ts'
import type { PromotionNeeds } from '../contracts/release.ts'
import { goldenRows, type GoldenRow } from '../evaluation/gate-rows.ts'
import { encodeExample, placedTarget } from '../intake/encode-example.ts'
import { recordParser } from '../intake/record-parser.ts'
import { builtIn, type PluginTable } from './schema/plugin-table.ts'
import { chosenBase, openedWith } from './plugins/chosen.ts'
import { openPolicy } from './plugins/open-policy.ts'
import type { Config, ModelConfig } from './config.ts'
import { taskNameOf, taskPluginOf } from './tasks.ts'

/** Bases open in this process, by their choice in the config: all models on one share it. */
const openBases = new WeakMap<BasePlugin, Map<string, Promise<Base>>>()

function openBasesOf(plugin: BasePlugin): Map<string, Promise<Base>> {
  const opened = openBases.get(plugin) ?? new Map<string, Promise<Base>>()
  openBases.set(plugin, opened)
  return opened
}

export async function openBase(
  config: ModelConfig['base'],
  plugins: PluginTable = builtIn,
): Promise<Base> {
  const chosen = chosenBase(config, plugins)
  const opened = openBasesOf(chosen.plugin)
  const key = JSON.stringify(config)
  const opening =
    opened.get(key) ??
    chosen.plugin.open(chosen.settings, (part) => openBase(part as ModelConfig['base'], plugins))
  opened.set(key, opening)
  return opening
}

/** The base of a model, in 8 bits if its config says so. All models that ask for the same share it. */
export async function openBaseOf(
  { base, quantize }: BaseOfModel,
  plugins?: PluginTable,
): Promise<Base> {
  const opened = await openBase(base, plugins)
  return quantize === 'int8' ? inEightBits(opened, quantize) : opened
}

export type BaseOfModel = Pick<ModelConfig, 'base' | 'quantize'>

const inEightBits = memoized((base: Base, _int8: 'int8') => quantized(base))

export function methodOf(
  { adapter }: ModelConfig,
  { methods }: Pick<PluginTable, 'methods'> = builtIn,
): MethodPlugin {
  const method = methods[adapter.method]
  invariant(method !== undefined, `the config's schema knows ${adapter.method}`)
  return method
}

export function openTask(
  model: ModelConfig,
  { labels: limit }: Pick<Config['limits'], 'labels'>,
  plugins?: PluginTable,
): Task {
  const { task } = model
  const name = taskNameOf(model)
  const settings = typeof task === 'string' ? {} : task[name]
  const plugin = taskPluginOf(model, plugins)
  return plugin.open(openedWith(plugin.settings, settings ?? {}), {
    labels: { ...labelsOf(model), limit },
    exploration: explorationOf(model, plugins),
  })
}

function explorationOf(
  { exploration }: Pick<ModelConfig, 'exploration'>,
  { policies }: Pick<PluginTable, 'policies'> = builtIn,
): Exploration {
  return openPolicy('exploration', policies.exploration, exploration)
}

/** The config's adapter in the form of the contract; a method without ranks has none. */
export function adapterOf({ adapter }: ModelConfig): AdapterConfig {
  return { rank: 0, alpha: 1, ...adapter }
}

export interface LabelsOf {
  readonly open: boolean
  readonly known: readonly string[]
  readonly retired: readonly string[]
  readonly renamed?: Readonly<Record<string, string>> | undefined
}

export function labelsOf({ labels }: ModelConfig): LabelsOf {
  if (labels === undefined) return { open: false, known: [], retired: [] }
  return 'open' in labels ? labels : { open: false, known: labels, retired: [] }
}

export function modelOf(config: Config, model: string): ModelConfig {
  const found = config.models[model]
  invariant(found !== undefined, `the config has the model ${model}`)
  return found
}

/** The folder of a model's data. */
export function folderOf(config: Config, model: string): string {
  return join(config.data_dir, model)
}

/** The registry's limits for history. */
export function rememberedBy({ limits }: Config) {
  const { moves, removed_versions: removed, removed_version_bytes: removedBytes } = limits
  return { moves, removed, removedBytes, pins: limits.pins }
}

export function lettersLimits({ limits }: Pick<Config, 'limits'>) {
  return { count: limits.dead_letters, bytes: limits.dead_letter_bytes }
}

/** An example input of a model, and feedback about it, for /docs. */
export function exampleOf(
  { base }: Pick<ModelConfig, 'base'>,
  task: Pick<Task, 'facts' | 'start' | 'view'>,
  plugins?: PluginTable,
  [first]: readonly InputKind[] = [text],
): { readonly input: Json; readonly says: Readonly<Record<string, Json>> } {
  const { plugin, settings } = chosenBase(base, plugins)
  const kind = first ?? text
  const { name, example } = kind
  const usual = name === text.name ? example : keyed(kind, example)
  const input = plugin.example?.(settings) ?? usual
  return { input, says: task.view.example(task.facts(task.start)) }
}

/**
 * The examples that promotion policies need, read for one model: at its start, and when a config is checked.
 */
export async function goldenOf(
  { golden = [] }: PromotionNeeds,
  model: Pick<ModelConfig, 'max_tokens'>,
  {
    base,
    task,
    limits,
    prepare,
  }: {
    readonly base: Pick<Base, 'name' | 'reads' | 'encode' | 'offsets' | 'language'>
    /** Absent: the base takes each input at once, or nothing of it is encoded. */
    readonly prepare?: Base['prepare']
    readonly task: Task
    readonly limits: Config['limits']
  },
): Promise<readonly GoldenRow[]> {
  const parse = recordParser({
    limits,
    reads: base.reads,
    signals: task.view.signals,
    onUnknownKey: () => undefined,
  })
  return goldenRows(golden, {
    task,
    prepare: (input) => prepare?.(input, model.max_tokens),
    encode: (input, target) => encodeExample({ input, target }, task, base, model.max_tokens),
    // Without the files of the base nothing is known of its tokens.
    placed: (target, of) =>
      base.offsets === undefined ? target : placedTarget(target, of, task, base),
    parse: (text) => parse(recordOf(text), 'golden'),
  })
}

function recordOf(text: string) {
  const value = new TextEncoder().encode(text)
  return { value, partition: 'golden', position: '', next: '' }
}
