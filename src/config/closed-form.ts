/** Whether the head of a chosen method is computed from sums, and how such a model trains and replays. */
import { policies } from '../plugins.ts'
import { builtIn, type PluginTable } from './schema/plugin-table.ts'
import type { ChosenMethod } from './schema/choices.ts'
import type { ModelConfig } from './schema/schema.ts'

export function isClosedForm(
  adapter: ChosenMethod,
  { methods }: Pick<PluginTable, 'methods'> = builtIn,
): boolean {
  return methods[adapter.method]?.open({ rank: 0, alpha: 1, ...adapter }).closedForm !== undefined
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
