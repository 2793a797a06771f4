/** The problems that connectors themselves find in the way a config uses them. */
import type { ConnectorUse } from '../contracts/connector.ts'
import type { PluginTable } from './schema/plugin-table.ts'
import type { Path, Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'

interface ConnectorPlace {
  readonly name: string
  readonly use: ConnectorUse
  readonly path: Path
}

export function connectorProblems(
  config: Config,
  { sources, sinks }: PluginTable,
): readonly Problem[] {
  const placed = Object.entries(config.models).flatMap(([model, settings]) =>
    usesOf(model, settings),
  )
  const hasRedis = config.redis !== undefined
  return [...new Set(placed.map(({ name }) => name))].flatMap((name) => {
    const plugins = [sources, sinks.dead_letters, sinks.predictions]
    const plugin = plugins.map((table) => table[name]).find((each) => each?.check !== undefined)
    const own = placed.filter((each) => each.name === name)
    const faults = plugin?.check?.(
      own.map(({ use }) => use),
      { hasRedis },
    )
    return (faults ?? []).flatMap(({ use, path, message }) => {
      const at = own.find((each) => each.use === use)
      return at === undefined
        ? []
        : [{ path: [...at.path, ...path], at: 'value', message } as const]
    })
  })
}

/** Every place of a model that names a connector. */
export function usesOf(model: string, { sources, sinks }: ModelConfig): readonly ConnectorPlace[] {
  const at = ['models', model]
  const read = sources.flatMap((choice, index) =>
    placedIn(choice, model, 'source', [...at, 'sources', index]),
  )
  const written = (['dead_letters', 'predictions'] as const).flatMap((as) => {
    const choice = sinks[as]
    return choice === undefined ? [] : placedIn(choice, model, as, [...at, 'sinks', as])
  })
  return [...read, ...written]
}

function placedIn(
  choice: ModelConfig['sources'][number],
  model: string,
  as: ConnectorUse['as'],
  path: Path,
): readonly ConnectorPlace[] {
  return Object.entries(choice).map(([name, settings]) => ({
    name,
    use: { model, as, settings },
    path: [...path, name],
  }))
}
