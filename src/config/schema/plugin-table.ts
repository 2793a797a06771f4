/** The plug-ins that a config may choose from: the built-in ones, and those that it loads by path. */
import type { SurfacePlugin } from '../../api/surface.ts'
import type { MethodPlugin } from '../../contracts/adapter.ts'
import type { BasePlugin } from '../../contracts/base.ts'
import type { SinkPlugin, SourcePlugin } from '../../contracts/connector.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import type { PolicyTable } from '../../contracts/policy.ts'
import type { TaskPlugin } from '../../contracts/task.ts'
import { bases, methods, policies, sinks, sources, surfaces, tasks } from '../../plugins.ts'

type NamedPlugins<Plugin> = Readonly<Record<string, Plugin>>

export interface PluginTable {
  readonly bases: NamedPlugins<BasePlugin>
  readonly methods: NamedPlugins<MethodPlugin>
  readonly tasks: NamedPlugins<TaskPlugin>
  readonly surfaces: NamedPlugins<SurfacePlugin>
  readonly sources: NamedPlugins<SourcePlugin>
  readonly sinks: {
    readonly dead_letters: NamedPlugins<SinkPlugin>
    readonly predictions: NamedPlugins<SinkPlugin<ServedPrediction>>
  }
  readonly policies: {
    readonly [Kind in keyof typeof policies]: (typeof policies)[Kind] extends PolicyTable<
      infer Policy
    >
      ? PolicyTable<Policy>
      : never
  }
}

export const builtIn: PluginTable = {
  ...{ bases, methods, tasks, surfaces },
  ...{ sources, sinks, policies },
}
