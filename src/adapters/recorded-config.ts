/**
 * Whether the settings in a version's manifest are those of its method: every one is in the method's table and of its
 * type. Bounds are for new configs; a version that was made stays readable.
 */
import type { AdapterConfig } from '../contracts/adapter.ts'
import type { Setting, Settings } from '../contracts/core.ts'

/** What the method itself does not declare, and every manifest has. */
const common: readonly string[] = ['method', 'rank', 'alpha', 'tail_layers']

/** A clause about the first setting that the method does not know as it is. */
export function foreignSetting(settings: Settings, config: AdapterConfig): string | undefined {
  for (const [name, value] of Object.entries(config)) {
    if (common.includes(name) || value === undefined) continue
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
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
