/**
 * The only file that knows concrete parts by name: which base, method, task, policy and source a config selects.
 * `daemon.ts` and `trainer.ts` put server and trainer together from it; a server never loads TensorFlow, which only the
 * latter imports.
 */
import { taskNameOf } from '../config/tasks.ts'
import { identityOf } from '../adapters/base-identity.ts'
import { join } from 'node:path'
import { openBundle } from '../adapters/peft/bundle.ts'
import { methods, tasks } from '../plugins.ts'
import type { AdapterConfig, MethodPlugin } from '../contracts/adapter.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import type { Task, TaskPlugin } from '../contracts/task.ts'
import type { DeadLetterLimits } from '../intake/dead-letters/dead-letters.ts'
import type { LedgerLimits } from '../versions/local/ledger.ts'
import { openLocalRegistry, type Bundle, type LocalRegistry } from '../versions/local/local.ts'
import { chosenBase } from '../config/plugins/chosen.ts'
import type { Config, ModelConfig } from '../config/config.ts'
import { invariant } from '../platform/errors.ts'

/** Bases open in this process, under their name in the config: all models on one share it. */
const openBases = new Map<string, Promise<Base>>()

export async function openBase(config: ModelConfig['base']): Promise<Base> {
  const key = JSON.stringify(config)
  const opening = openBases.get(key) ?? openNewBase(config)
  openBases.set(key, opening)
  return opening
}

async function openNewBase(config: ModelConfig['base']): Promise<Base> {
  const { plugin, settings } = chosenBase(config)
  return plugin.open(settings)
}

export function methodOf({ adapter }: ModelConfig): MethodPlugin {
  const table: Readonly<Record<string, MethodPlugin>> = methods
  const method = table[adapter.method]
  invariant(method !== undefined, `the config's schema knows ${adapter.method}`)
  return method
}

export function openTask(
  model: ModelConfig,
  { labels: limit }: Pick<Config['limits'], 'labels'>,
): Task {
  const { task } = model
  const name = taskNameOf(model)
  const settings = typeof task === 'string' ? {} : task[name]
  const plugin: TaskPlugin = tasks[name]
  return plugin.open(settings ?? {}, { labels: { ...labelsOf(model), limit } })
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

export async function openRegistry(
  config: Config,
  model: string,
  base: Base,
  parts: { readonly clock: Clock; readonly log: Logger },
): Promise<LocalRegistry> {
  return openLocalRegistry({
    folder: folderOf(config, model),
    model,
    base: identityOf(base),
    task: taskNameOf(modelOf(config, model)),
    bundle: bundleFor(base, config),
    remembered: rememberedBy(config),
    ...parts,
  })
}

/** The registry's limits for history. */
export function rememberedBy({ limits }: Config): LedgerLimits {
  const { moves, removed_versions: removed, removed_version_bytes: removedBytes } = limits
  return { moves, removed, removedBytes, pins: limits.pins }
}

export function lettersLimits({ limits }: Pick<Config, 'limits'>): DeadLetterLimits {
  return { count: limits.dead_letters, bytes: limits.dead_letter_bytes }
}

/** Converts a version's parameters to files and back. */
export function bundleFor(base: Base, { limits }: Pick<Config, 'limits'>): Bundle {
  const { safetensors_header_bytes: headerBytes } = limits
  return openBundle({ base, methods, tasks, headerBytes })
}
