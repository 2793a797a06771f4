/** The plug-ins that a config may choose from: the built-in ones, and those that it loads by path. */
import type { SinkPlugin, SourcePlugin } from '../../contracts/connector.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { PolicyTable } from '../../contracts/policy.ts'
import { policies, sinks, sources } from '../../plugins.ts'

type Named<Plugin> = Readonly<Record<string, Plugin>>

export interface PluginTable {
  readonly sources: Named<SourcePlugin>
  readonly sinks: {
    readonly dead_letters: Named<SinkPlugin>
    readonly predictions: Named<SinkPlugin<ServedPrediction>>
  }
  readonly policies: {
    readonly [Kind in keyof typeof policies]: (typeof policies)[Kind] extends PolicyTable<
      infer Policy
    >
      ? PolicyTable<Policy>
      : never
  }
}

export const builtIn: PluginTable = { sources, sinks, policies }
