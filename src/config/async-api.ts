/** The AsyncAPI description of a config: each place where a model reads or writes events. */
import { asyncApi, type AsyncApi, type DescribedChannel } from '../intake/description/async-api.ts'
import type { ConnectorUse } from '../contracts/connector.ts'
import { withChoices } from '../platform/nullable.ts'
import { daemonVersion } from '../version.ts'
import type { Config } from './config.ts'
import { usesOf } from './connector-rules.ts'
import { openTask } from './model-parts.ts'
import { chosenBase } from './plugins/chosen.ts'
import { pluginsOf } from './plugins/own-plugins.ts'
import { builtIn, type PluginTable } from './schema/plugin-table.ts'

export function asyncApiOf(config: Config): AsyncApi {
  const plugins = pluginsOf(config)
  const { limits } = config
  const channels = Object.entries(config.models).flatMap(([name, model]) => {
    const { view } = openTask(model, limits, plugins)
    const { plugin } = chosenBase(model.base, plugins)
    const task = { ...view, isOpen: !Object.values(builtIn.bases).includes(plugin) }
    return usesOf(name, model).flatMap(({ name: connector, use }): readonly DescribedChannel[] => {
      const found = tableOf(plugins, use)[connector]?.channels?.(use) ?? [undefined]
      return found.map((channel) => ({ model: name, connector, as: use.as, task, channel }))
    })
  })
  return withChoices(asyncApi({ version: daemonVersion, channels, limits })) as AsyncApi
}

function tableOf({ sources, sinks }: PluginTable, { as }: ConnectorUse) {
  return as === 'source' ? sources : sinks[as]
}
