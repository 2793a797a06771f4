/**
 * Checks whether the models of a config can start: problems that the schema cannot see, because only the base shows
 * them. It makes the same calls as a starting trainer, without an engine: opens the base, resolves its maps, opens the
 * policies.
 */
import { openPolicies, type ChosenPolicy } from './plugins/open-policy.ts'
import { pluginsOf } from './plugins/own-plugins.ts'
import type { PluginTable } from './schema/plugin-table.ts'
import { specsOf } from '../adapters/adapter.ts'
import { cutOf } from '../adapters/target-modules.ts'
import { viewOf } from '../adapters/view.ts'
import { chosenBase } from './plugins/chosen.ts'
import {
  adapterOf,
  methodOf,
  openBase,
  openBaseOf,
  openTask,
  type BaseOfModel,
  goldenOf,
} from './model-parts.ts'
import { quantized } from '../adapters/quantized.ts'
import { failure } from '../platform/errors.ts'
import { CodedError } from '../contracts/core.ts'
import type { Base, OpenPart } from '../contracts/base.ts'
import type { EncodedRow } from '../contracts/network.ts'
import { withoutLanguage } from '../intake/encode-example.ts'
import type { Path, Problem } from './problem.ts'
import type { Config, ModelConfig } from './config.ts'

type OpenBase = (model: BaseOfModel, plugins: PluginTable) => Promise<Base>

/** `open`: opens the bases; absent = as a daemon does. */
export async function modelProblems(
  { models, plugins, limits }: Pick<Config, 'models' | 'plugins' | 'limits'>,
  open: OpenBase = openBaseOf,
): Promise<readonly Problem[]> {
  const table = pluginsOf({ plugins })
  const found: Problem[] = []
  for (const [name, model] of Object.entries(models)) {
    const at = ['models', name]
    found.push(
      ...(await problemsOf(model, { plugins: table, limits }, open)).map((each) =>
        within(at, each),
      ),
    )
  }
  return found
}

/** Without the weights of a folder: its files must exist, and its shape is read. */
export const openCheaply: OpenBase = async (model, plugins) => {
  const { plugin, settings } = chosenBase(model.base, plugins)
  const part: OpenPart = (base) =>
    openCheaply({ ...model, base: base as ModelConfig['base'] }, plugins)
  return plugin.shape?.(settings, part) ?? openBase(model.base, plugins)
}

type Policies = PluginTable['policies']

interface CheckContext {
  readonly plugins: PluginTable
  readonly limits: Config['limits']
}

const noTokens: EncodedRow = { data: new Int32Array() }

async function problemsOf(
  model: ModelConfig,
  given: CheckContext,
  open: OpenBase,
): Promise<readonly Problem[]> {
  const { plugins } = given
  const { policies } = plugins
  const policy = Object.keys(policies).flatMap((kind) =>
    problemIn([kind], () => openKind(kind as keyof Policies, policies, model)),
  )
  let base: Base
  try {
    base = await open(model, plugins)
  } catch (error) {
    return [...policy, problemOf(['base'], error)]
  }
  const found = [
    ...policy,
    ...problemIn(['quantize'], () => checkQuantize(model, base)),
    ...problemIn(['base'], () => checkBase(model, base, plugins)),
    ...problemIn(['base'], () => checkChoices(model, base, plugins)),
    ...problemIn(['adapter'], () => checkAdapter(model, base, plugins)),
  ]
  // A policy that cannot be opened has been reported.
  if (found.length > 0) return found
  try {
    await checkGolden(model, base, given)
    return []
  } catch (error) {
    return [problemOf(['promotion'], error)]
  }
}

function openKind(kind: keyof Policies, policies: Policies, model: ModelConfig): void {
  type PolicyChoice = ChosenPolicy | readonly ChosenPolicy[]
  const chosen = (model as unknown as Record<string, PolicyChoice | undefined>)[kind]
  if (chosen !== undefined) openPolicies<unknown>(kind, policies[kind], chosen)
}

/** A key that would change nothing is a mistake. */
function checkQuantize(model: ModelConfig, base: Base): void {
  if (model.quantize === 'none') return
  quantized(base)
  const { tail_layers: reach } = adapterOf(model)
  if (cutOf(reach, base.network.layers) > 0) return
  const what = `no layer lies below the adapter, which reaches all ${base.network.layers}: lower adapter.tail_layers`
  throw failure('CONFIG_INVALID', what)
}

function checkChoices(model: ModelConfig, { name, reads }: Base, plugins: PluginTable): void {
  const { choices } = openTask(model, { labels: Infinity }, plugins)
  if (choices === undefined || reads.includes(choices.reads)) return
  const what = `the base ${name} reads no item in a context, which this task ranks: choose another, such as pair`
  throw failure('CONFIG_INVALID', what)
}

/** What the task asks of its base. */
function checkBase(model: ModelConfig, base: Base, plugins: PluginTable): void {
  const { texts, reads, view } = openTask(model, { labels: Infinity }, plugins)
  if (texts !== undefined && base.network.vocabulary === undefined) throw withoutLanguage(base)
  if (reads !== 'positions' || base.rows === 'ids') return
  const [kind] = view.signals
  const what = `the base ${base.name} gives one vector for an input, and this task answers with places: ${kind?.name ?? ''}`
  throw failure('BASE_WITHOUT_POSITIONS', what)
}

/** The steps of a trainer before it needs an engine. */
function checkAdapter(model: ModelConfig, base: Base, plugins: PluginTable): void {
  const [method, config] = [methodOf(model, plugins), adapterOf(model)]
  cutOf(config.tail_layers, base.network.layers)
  const task = openTask(model, { labels: Infinity }, plugins)
  // Some methods derive their view of the base from its weights.
  const isBare = base.weights.size === 0 && base.rows === 'ids'
  const seen = isBare ? base : viewOf(base, method, config, task.reads)
  specsOf({ base: seen, method, task, config, outputs: task.outputs(task.start) })
}

/** Without the files of the base there is no tokenizer, and any text is taken; what takes time is prepared when the daemon starts. */
async function checkGolden(
  model: ModelConfig,
  base: Base,
  { plugins, limits }: CheckContext,
): Promise<void> {
  const isWhole = base.weights.size > 0 || base.rows === 'values'
  const isAtOnce = isWhole && base.prepare === undefined
  const encode: Base['encode'] = isAtOnce ? base.encode.bind(base) : () => noTokens
  const promotions = openPolicies('promotion', plugins.policies.promotion, model.promotion)
  const task = openTask(model, { labels: Infinity }, plugins)
  for (const { policy } of promotions)
    await goldenOf(policy.needs ?? {}, model, { base: { ...base, encode }, task, limits })
}

function problemIn(path: Path, work: () => void): readonly Problem[] {
  try {
    work()
    return []
  } catch (error) {
    return [problemOf(path, error)]
  }
}

function problemOf(path: Path, error: unknown): Problem {
  if (!(error instanceof CodedError)) throw error
  const { field } = error.details
  const at = error.code === 'ADAPTER_INVALID' && typeof field === 'string' ? [...path, field] : path
  return { path: at, at: 'value', message: `cannot start: ${error.message}` }
}

function within(path: Path, problem: Problem): Problem {
  return { ...problem, path: [...path, ...problem.path] }
}
