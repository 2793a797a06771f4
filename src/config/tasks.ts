/** The task of a model in its configuration: which other keys and parts go with it. */
import type { TaskPlugin } from '../contracts/task.ts'
import { invariant } from '../platform/errors.ts'
import { defaults, policies } from '../plugins.ts'
import { builtIn, type PluginTable } from './schema/plugin-table.ts'
import { openedWith } from './plugins/chosen.ts'
import type { Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import type { ChosenMethod } from './schema/choices.ts'

export function taskNameOf({ task }: Pick<ModelConfig, 'task'>): string {
  return typeof task === 'string' ? task : (Object.keys(task)[0] ?? '')
}

export function taskPluginOf(
  model: Pick<ModelConfig, 'task'>,
  { tasks }: Pick<PluginTable, 'tasks'> = builtIn,
): TaskPlugin {
  const name = taskNameOf(model)
  const plugin = tasks[name]
  invariant(plugin !== undefined, `the config's schema knows the task ${name}`)
  return plugin
}

/** A task needs its own keys, and no other takes them. Looks at a value that other problems may have left unsettled. */
export function taskKeyProblems(
  settled: Partial<Config> | undefined,
  { tasks }: Pick<PluginTable, 'tasks'>,
): readonly Problem[] {
  const owners = new Map<string, readonly string[]>()
  for (const [task, { keys }] of Object.entries(tasks))
    for (const key of keys) owners.set(key, [...(owners.get(key) ?? []), task])
  return Object.entries(settled?.models ?? {}).flatMap(([name, model]) => {
    // A wrong task is reported already.
    if ((model as Partial<typeof model> | undefined)?.task === undefined) return []
    const chosen = taskNameOf(model)
    const given = model as Readonly<Record<string, unknown>>
    return [...owners].flatMap(([key, takers]): readonly Problem[] => {
      const at = { path: ['models', name, key], at: 'key' } as const
      if (takers.includes(chosen))
        return given[key] === undefined ? [{ ...at, message: 'is missing' }] : []
      if (given[key] === undefined) return []
      return [{ ...at, message: `is of task: ${takers.join(' or ')}; leave it out` }]
    })
  })
}

/** Parts that work with classes, chosen for a model that does not answer with classes. */
export function classProblems(
  model: ModelConfig,
  _config: Config,
  plugins: PluginTable,
): readonly Problem[] {
  const { hasClasses, areIndependent, hasStrata } = taskPluginOf(model, plugins)
  if (hasClasses === true && areIndependent !== true) return []
  const refuse = (path: Problem['path'], chosen: string, instead: string): Problem => ({
    path,
    at: 'value',
    code: 'TASK_WITHOUT_CLASSES',
    message:
      hasClasses === true
        ? `is ${chosen}, which works with one class to an example; this task needs another, such as ${instead}`
        : `is ${chosen}, which works with classes; this task needs another, such as ${instead}`,
  })
  const { adapter } = model
  const closedFormProblems = (): readonly Problem[] => {
    const closedForm = closedFormOf(adapter, plugins)
    if (closedForm === undefined) return []
    if (hasClasses === true && closedForm.solveEach !== undefined) return []
    const learning = hasHead(model, plugins) ? 'lora or head' : 'lora'
    const instead = hasClasses === true ? solvingEach(plugins) : learning
    return [refuse(['adapter', 'method'], adapter.method, instead)]
  }
  return [
    ...closedFormProblems(),
    ...headProblems(model, plugins),
    ...(['replay', 'few_shot', 'memory'] as const).flatMap((kind) => {
      const { policy } = model[kind]
      const chosen = plugins.policies[kind][policy]
      if (chosen?.needsClasses !== true) return []
      if ((hasClasses ?? hasStrata) === true && chosen.takesSeveral === true) return []
      return [refuse([kind, 'policy'], policy, defaults.policies[kind])]
    }),
  ]
}

/** Parts that ask for an answer a second time, chosen for a model that writes texts. */
export function textProblems(
  model: ModelConfig,
  _config: Config,
  plugins: PluginTable,
): readonly Problem[] {
  const { policy } = model.memory
  if (taskPluginOf(model, plugins).reads !== 'answers')
    return plugins.policies.memory[policy]?.needsTexts === true
      ? [
          {
            ...{ path: ['memory', 'policy'], at: 'value' },
            message: `is ${policy}, which keeps answers that are texts; this task needs another, such as none`,
          },
        ]
      : []
  const { embedding } = model.memory
  if (typeof embedding === 'string' && !Object.hasOwn(plugins.bases, embedding))
    return [
      {
        ...{ path: ['memory', 'embedding'], at: 'value' },
        message: `is ${embedding}, which is no base: name one of ${Object.keys(plugins.bases).join(', ')}`,
      },
    ]
  if (model.rollout.policy !== 'shadow') return []
  const message =
    'is shadow, which compares two answers to each request and cannot compare texts; choose another, such as canary'
  return [{ path: ['rollout', 'policy'], at: 'value', message }]
}

/** Where an answer is no choice, there is nothing to explore. */
export function explorationProblems(
  model: ModelConfig,
  _config: Config,
  plugins: PluginTable,
): readonly Problem[] {
  if (taskPluginOf(model, plugins).exploration !== undefined) return []
  const refuse = (kind: string, policy: string): Problem => ({
    path: [kind, 'policy'],
    at: 'value',
    message: `is ${policy}, and the answers of this task are no choice; leave it out, or set task: ranking`,
  })
  const { policy } = model.exploration
  const gates = [model.promotion]
    .flat()
    .filter((gate) => plugins.policies.promotion[gate.policy]?.needsChoices === true)
  return [
    ...(policy === 'none' ? [] : [refuse('exploration', policy)]),
    ...gates.map((gate) => refuse('promotion', gate.policy)),
  ]
}

/** What the daemon writes of its own answers is read where feedback over HTTP is. */
export function ownEventProblems(
  model: ModelConfig,
  _config: Config,
  plugins: PluginTable,
): readonly Problem[] {
  const name = taskNameOf(model)
  const plugin = taskPluginOf(model, plugins)
  const settings = typeof model.task === 'string' ? undefined : model.task[name]
  const setting = plugin.writesEventsFor?.(openedWith(plugin.settings, settings ?? {}))
  if (setting === undefined || model.sources.some((source) => 'http' in source)) return []
  const message = `needs the source http, by which the trainer learns what was shown: add http: {} to sources, or leave ${setting} out and send every outcome`
  return [{ path: ['task', name, setting], at: 'key', message }]
}

/** A task without a head learns by its adapter alone. */
function headProblems(model: ModelConfig, plugins: PluginTable): readonly Problem[] {
  if (model.adapter.method !== 'head' || hasHead(model, plugins)) return []
  const message = 'is head, and this task has none to learn; choose another, such as lora'
  return [{ path: ['adapter', 'method'], at: 'value', message }]
}

function hasHead(model: ModelConfig, plugins: PluginTable): boolean {
  return taskPluginOf(model, plugins).parameters(1, 1).length > 0
}

/**
 * Whether the head of a chosen method is computed from sums, and how such a model trains and replays.
 */
export function isClosedForm(
  adapter: ChosenMethod,
  { methods }: Pick<PluginTable, 'methods'> = builtIn,
): boolean {
  return closedFormOf(adapter, { methods }) !== undefined
}

function closedFormOf(adapter: ChosenMethod, { methods }: Pick<PluginTable, 'methods'>) {
  return methods[adapter.method]?.open({ rank: 0, alpha: 1, ...adapter }).closedForm
}

/** Closed forms for any number of labels. */
function solvingEach({ methods }: Pick<PluginTable, 'methods'>): string {
  const names = Object.keys(methods).filter(
    (method) => closedFormOf({ method, tail_layers: 0 }, { methods })?.solveEach !== undefined,
  )
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`
}

type Rehearsal = Pick<ModelConfig, 'train' | 'replay'>

/**
 * Sums count every example, and would count a replayed one twice: a closed form replays nothing, but stores enough to
 * unlearn an example.
 */
export function rehearsalOf(
  settings: Rehearsal & Pick<ModelConfig, 'adapter'>,
  plugins: PluginTable = builtIn,
): Rehearsal {
  if (!isClosedForm(settings.adapter, plugins)) return settings
  const train = { ...settings.train, replay_batch: 0, epochs: 1 }
  const { policy, ...kept } = settings.replay
  if (policy === 'none') return { train, replay: settings.replay }
  const recentBounds = policies.replay.recent.settings
  const bounds = Object.entries(kept).filter(([name]) => Object.hasOwn(recentBounds, name))
  return { train, replay: { policy: 'recent', ...Object.fromEntries(bounds) } }
}
