/** An example input of a model, and feedback about it, for /docs. */
import type { Json } from '../contracts/core.ts'
import type { Task } from '../contracts/task.ts'
import { chosenBase } from '../config/plugins/chosen.ts'
import type { ModelConfig } from '../config/config.ts'
import type { ServedModel } from '../serving/services/served-model.ts'

export function exampleOf(
  config: ModelConfig,
  task: Pick<Task, 'facts' | 'start' | 'view'>,
): NonNullable<ServedModel['example']> {
  return { input: inputOf(config.base), says: task.view.example(task.facts(task.start)) }
}

function inputOf(base: ModelConfig['base']): Json {
  const { plugin, settings } = chosenBase(base)
  return plugin.example?.(settings) ?? 'what a lovely phone'
}
