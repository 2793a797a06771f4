/**
 * The configuration: a YAML file, overridden by environment variables, overridden by flags, validated by one schema.
 * All problems are reported at once, each with its place; unknown keys are refused.
 */
import { dirname, resolve } from 'node:path'
import { parseConfigText, readConfigFile, type ConfigFile } from './file.ts'
import { applyOverrides, environmentOverrides, flagOverride } from './overrides.ts'
import { CodedError } from '../contracts/core.ts'
import { limitsOf } from '../platform/limits.ts'
import { configFailure, type Path, type PluginCode, type Problem } from './problem.ts'
import { withBaseDefaults } from './base-defaults.ts'
import { checkRules } from './rules.ts'
import { configSchema, configSchemaOf, pluginPaths, type Config } from './schema/schema.ts'
import { withModule } from './plugins/own-plugins.ts'
import { builtIn, type PluginTable } from './schema/plugin-table.ts'
import { withLabelForms } from './labels.ts'
import { settle } from './schema/settle.ts'
import { withShards } from './shards.ts'
import { taskKeyProblems } from './tasks.ts'
import { withPasswords } from './secrets.ts'
import { isRecord, type Schema } from './schema/shape.ts'

export { redisOptions } from './fleet.ts'
export { secretsOf, withoutSecrets } from './secrets.ts'
export { configJsonSchema } from './schema/schema.ts'
export type { Config, ModelConfig } from './schema/schema.ts'

export interface ConfigContext {
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Each one `key.path=value`. */
  readonly flags?: readonly string[]
  /** Relative paths in environment and flags start here. */
  readonly workingFolder?: string
  /** Receives warnings about accepted keys that should be written differently. */
  readonly warn?: (message: string) => void
}

/** Relative paths in the file start at its folder. */
export function loadConfig(path: string, context: ConfigContext = {}): Config {
  const absolute = resolve(context.workingFolder ?? '.', path)
  return configOf(readConfigFile(absolute), dirname(absolute), context)
}

/** For text without a file, and for tests. */
export function parseConfig(text: string, folder: string, context: ConfigContext = {}): Config {
  return configOf(parseConfigText(text, 'config'), folder, context)
}

function configOf(file: ConfigFile, folder: string, context: ConfigContext): Config {
  const environment = context.environment ?? {}
  const overridden = applyOverrides(file.tree, [
    ...environmentOverrides(environment, Object.keys(configSchema.properties)),
    ...(context.flags ?? []).map(flagOverride),
  ])
  const problems: Problem[] = []
  const workingFolder = resolve(context.workingFolder ?? '.')
  const placeOf = ({ path, at }: Problem) =>
    overridden.overrideOf(path)?.name ?? file.placeOf(path, at)
  const warn = (path: Path, message: string) => {
    context.warn?.(`${placeOf({ path, at: 'key', message })}: ${path.join('.')} ${message}`)
  }
  const tree = overridden.tree ?? {}
  const folderOf = (path: Path) => (overridden.overrideOf(path) ? workingFolder : folder)
  const plugins = ownPluginsIn(tree, folderOf, problems)
  const schema = plugins === builtIn ? configSchema : configSchemaOf(plugins)
  // typebox's types do not name the keywords of JSON Schema; its objects have them.
  const settled = settle(
    schema as unknown as Schema,
    withAheadDefault(withBaseDefaults(tree, plugins)),
    [],
    {
      report: (problem) => problems.push(problem),
      folderOf,
    },
  )
  problems.push(...taskKeyProblems(settled as Partial<Config> | undefined, plugins))
  if (problems.length > 0) throw configFailure(problems, placeOf)
  // Without problems, the settled value has the shape of the schema.
  const settings = settled as Config
  const written = { ...settings, limits: limitsOf(settings.limits) }
  const spelled = withLabelForms(written, problems, warn)
  const known = withToken(spelled, environment, problems)
  const config = withPasswords(known, environment, problems)
  problems.push(...checkRules(config, plugins))
  if (problems.length > 0) throw configFailure(problems, placeOf)
  return withShards(config)
}

/** Loads the modules under `plugins`, which the schema of everything else depends on. */
function ownPluginsIn(
  tree: unknown,
  folderOf: (path: Path) => string,
  problems: Problem[],
): PluginTable {
  const given = isRecord(tree) ? tree.plugins : undefined
  const isList = { report: () => undefined, folderOf }
  // A value that is no list of paths is reported with all other problems.
  const paths = settle(pluginPaths, given, ['plugins'], isList)
  const modules = Array.isArray(paths) ? paths.map(String) : []
  return modules.reduce((table, path, index) => {
    try {
      return withModule(table, path)
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      const code = error.code as PluginCode
      problems.push({
        path: ['plugins', index],
        at: 'value',
        code,
        message: `cannot be used: ${error.message}`,
      })
      return table
    }
  }, builtIn)
}

/**
 * Without keys anyone could retract what others will send: then a retraction comes after its event, unless the
 * config says otherwise.
 */
function withAheadDefault(tree: unknown): unknown {
  if (!isRecord(tree)) return tree
  const { server, limits = {} } = tree
  const hasKeys = isRecord(server) && (server.auth ?? undefined) !== undefined
  if (hasKeys || !isRecord(limits) || 'retractions_ahead' in limits) return tree
  return { ...tree, limits: { ...limits, retractions_ahead: 0 } }
}

/** `token_env` keeps secrets out of files: the variable's value becomes an additional token. */
function withToken(
  config: Config,
  environment: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
): Config {
  const { auth } = config.server
  if (auth?.token_env === undefined) return config
  const token = environment[auth.token_env] ?? ''
  if (token.length < 16) {
    const message = `names a variable that is ${token === '' ? 'not set' : 'shorter than 16 characters'}`
    problems.push({ path: ['server', 'auth', 'token_env'], at: 'value', message })
  }
  const tokens = [...auth.tokens, token]
  return { ...config, server: { ...config.server, auth: { ...auth, tokens } } }
}
