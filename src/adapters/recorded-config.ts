/**
 * An adapter's settings as a version's manifest and a checkpoint's identity record them. A record keeps the name that a
 * setting had first, because digests and identities depend on it.
 */
import type { AdapterConfig } from '../contracts/adapter.ts'
import type { Setting, Settings } from '../contracts/core.ts'
import type { BaseIdentity } from '../contracts/base.ts'

/** A setting's name → its name in records. */
const recordedNames: ReadonlyMap<string, string> = new Map([['target_modules', 'sites']])

export function recordedConfig(config: AdapterConfig): AdapterConfig {
  return renamed(config, (name) => recordedNames.get(name))
}

/** The other way. */
export function configOfRecord(recorded: AdapterConfig): AdapterConfig {
  return renamed(recorded, nameOfRecorded)
}

function nameOfRecorded(name: string): string | undefined {
  return [...recordedNames].find(([, recorded]) => recorded === name)?.[0]
}

function renamed(config: AdapterConfig, nameOf: (name: string) => string | undefined) {
  const entries = Object.entries(config).map(([name, value]) => [nameOf(name) ?? name, value])
  // Fields that every method has keep their name.
  return Object.fromEntries(entries) as AdapterConfig
}

/** The fields that every manifest has, which methods do not declare. */
const common: readonly string[] = ['method', 'rank', 'alpha', 'tail_layers']

/**
 * A clause about the first recorded setting that is not in the method's table, or not of its type there. Bounds are for
 * new configs: a version that was made stays readable.
 */
export function foreignSetting(settings: Settings, recorded: AdapterConfig): string | undefined {
  for (const [name, value] of Object.entries(recorded)) {
    if (common.includes(name) || value === undefined) continue
    const known = nameOfRecorded(name) ?? name
    const setting = Object.hasOwn(settings, known) ? settings[known] : undefined
    if (setting === undefined) return `has the setting ${name}, which is not known here`
    if (!isOf(setting, value))
      return `has ${name}: ${JSON.stringify(value)}, which is no ${setting.type}`
  }
  return undefined
}

function isOf(setting: Setting, value: unknown): boolean {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return typeof value === 'number'
    case 'boolean':
      return typeof value === 'boolean'
    case 'constant':
      return value === setting.value
    case 'list':
      return Array.isArray(value) && value.every((item) => isOf(setting.of, item))
    case 'map':
      return isMapping(value) && Object.values(value).every((item) => isOf(setting.of, item))
    case 'group':
      return (
        isMapping(value) &&
        Object.entries(value).every(([name, item]) => {
          const inner = Object.hasOwn(setting.settings, name) ? setting.settings[name] : undefined
          return inner !== undefined && isOf(inner, item)
        })
      )
    case 'either':
      return setting.of.some((branch) => isOf(branch, value))
    default:
      return typeof value === 'string'
  }
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The name of a base in manifests, registries and checkpoints.
 */
export function identityOf({ name, hash, settings }: BaseIdentity): BaseIdentity {
  return { name, hash, ...(settings !== undefined && { settings }) }
}
