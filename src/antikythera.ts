/**
 * The public API of `import('antikythera')`: the daemon inside your own program, a predictor without a daemon, and the
 * contracts to implement your own source, sink or policy.
 *
 *   import { parseConfig, startDaemon } from 'antikythera'
 *
 *   const config = parseConfig('models: { sentiment: { labels: [negative, positive] } }', { folder: '/srv/app' })
 *   const daemon = await startDaemon(config)
 *   await daemon.ready()
 *   console.log(daemon.url)
 *   await daemon.close()
 */
import type { FeaturesInput } from './payloads/inputs/features.ts'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { folderOf, modelOf, openBaseOf, openTask } from './config/model-parts.ts'
import { pluginsOf } from './config/plugins/own-plugins.ts'
import { openRegistry } from './app/model.ts'
import type { Daemon, EmbeddedConfig as Config } from './app/contract.ts'
import { startDaemon as start } from './app/daemon.ts'
import type { Logger } from './contracts/core.ts'
import type { ChatMessage, Input } from './contracts/event.ts'
import { labelsIn } from './tasks/labels/label-rules.ts'
import type { Answer } from './tasks/classification/score.ts'
import type { Version } from './versions/contract.ts'
import { systemClock } from './platform/clock.ts'
import { loadConfig, parseConfig as parse, type Config as WholeConfig } from './config/config.ts'
import { failure } from './platform/errors.ts'
import { openLog } from './platform/log.ts'
import { openServingEngine } from './serving/engine/engine.ts'
import { encodeInput, prepared } from './serving/live/predict.ts'
import { requestInput } from './serving/services/prediction-service.ts'

export type * from './contracts/index.ts'
export type * from './evaluation/contract.ts'
export type * from './fleet/contract.ts'
export type * from './serving/engine/engine.ts'
export type * from './trainer/contract.ts'
export type * from './versions/contract.ts'
export { CodedError } from './contracts/core.ts'
export type { Daemon, EmbeddedConfig as Config } from './app/contract.ts'

/**
 * Validates YAML or JSON and fills in every default. Relative paths start at `folder`. Throws CONFIG_MALFORMED,
 * CONFIG_INVALID.
 */
export function parseConfig(text: string, { folder }: { readonly folder: string }): Config {
  return parse(text, folder)
}

/**
 * The same for a file; relative paths start at its folder. Also throws CONFIG_MISSING. Environment variables are
 * ignored.
 */
export function readConfig(path: string): Config {
  return loadConfig(path, { environment: {}, flags: [], workingFolder: dirname(path) })
}

/**
 * Starts the server in this process and its trainer in a child process, as `antikythera serve` does. Resolves when the
 * port is open; `ready` resolves when every model answers, or never will: to the names of those. Signal handling stays with your program: call `close` to
 * stop. Without `log` only warnings and errors are printed.
 */
export async function startDaemon(
  config: Config,
  { log = openLog({ level: 'warn' }) }: { readonly log?: Logger } = {},
): Promise<Daemon> {
  return start(whole(config), { log })
}

/** A text, or an input as requests and events have it: `{ text }`, `{ features }` or `{ messages }`. */
export type PredictorInput =
  | string
  | Input
  | { readonly text: string }
  | { readonly features: FeaturesInput['features'] }
  | { readonly messages: readonly ChatMessage[] }

/** One version, loaded and ready to answer. A regression answers `{ value }`: `openPredictor<{ value: number }>(…)`. */
export interface Predictor<Output = Answer> {
  readonly model: string
  readonly version: string
  readonly digest: string
  readonly labels: readonly string[]
  /** One answer per input, in order. Throws REQUEST_INVALID and other codes of a request for an input that the base cannot read. */
  predict(inputs: readonly PredictorInput[]): Promise<readonly Output[]>
  /** Stops its threads. Idempotent. */
  close(): Promise<void>
}

/**
 * Loads a verified version from the `data_dir` of a config and answers with it in this process, without daemon or
 * trainer. `model` may be left out if the config has only one; without `version` it is the live one. Throws
 * VERSION_UNKNOWN, VERSION_CORRUPT, VERSION_FOREIGN, MODEL_UNKNOWN.
 */
export async function openPredictor<Output = Answer>(
  embedded: Config,
  options: { readonly model?: string; readonly version?: string; readonly threads?: number } = {},
): Promise<Predictor<Output>> {
  const config = whole(embedded)
  const model = chosenModel(config, options.model)
  const settings = modelOf(config, model)
  const plugins = pluginsOf(config)
  const { methods, tasks } = plugins
  const base = await openBaseOf(settings, plugins)
  const version = await loadVersion(config, model, options.version)
  const engine = await openServingEngine({
    ...{ base, methods, tasks, workers: options.threads ?? 1 },
  })
  const { manifest } = version
  await engine.load(manifest.digest, version)
  const task = openTask(settings, config.limits, plugins)
  return {
    ...{
      model,
      version: manifest.version,
      digest: manifest.digest,
      labels: labelsIn(manifest.facts.labels ?? []),
    },
    async predict(inputs) {
      const read = inputs.map((input, at) => {
        const given = typeof input === 'object' && 'kind' in input ? input : undefined
        return given ?? requestInput(base, config.limits, input, `/inputs/${at}`)
      })
      await prepared({ base, maxTokens: settings.max_tokens }, read)
      const rows = read.map((input) => ({
        adapter: manifest.digest,
        input,
        encoded: encodeInput(input, task, base, settings.max_tokens),
      }))
      const isSilent = task.outputs(task.headIn(manifest.facts)) === 0
      const { facts } = manifest
      const logits = isSilent ? [] : await engine.run(rows)
      // What the task of the model answers: the caller names its type.
      return rows.map(({ encoded: row, input }, at) =>
        task.decode(logits[at] ?? new Float32Array(), { facts, row, input }),
      ) as Output[]
    },
    close: async () => engine.close(),
  }
}

/** It was made by `parseConfig` or `readConfig`, whose answers have all keys. */
function whole(config: Config): WholeConfig {
  return config as WholeConfig
}

function chosenModel({ models }: WholeConfig, name: string | undefined): string {
  const names = Object.keys(models)
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen !== undefined && Object.hasOwn(models, chosen)) return chosen
  throw failure(
    'MODEL_UNKNOWN',
    `the config has several models (${names.join(', ')}): choose one with model`,
  )
}

async function loadVersion(config: WholeConfig, model: string, wanted?: string): Promise<Version> {
  const folder = folderOf(config, model)
  if (!existsSync(folder))
    throw failure('VERSION_UNKNOWN', `${model} has not published a version in ${folder} yet`)
  const base = await openBaseOf(modelOf(config, model), pluginsOf(config))
  const parts = { clock: systemClock, log: openLog({ level: 'warn' }) }
  const registry = await openRegistry(config, model, base, parts)
  try {
    const name = wanted ?? (await registry.live())?.live.version
    if (name === undefined)
      throw failure('VERSION_UNKNOWN', `${model} has no live version in ${folder}`)
    return await registry.load(name)
  } finally {
    await registry.close()
  }
}
