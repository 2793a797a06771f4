/** What `lm train` trains: SmolLM2 with LoRA r 8 on every map of its top four layers, from weights that are drawn by a seed. */
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods, tasks } from '../../../dist/src/plugins.js'

export const TOP = 4
const config = { method: 'lora', rank: 8, alpha: 16, tail_layers: TOP }
const SETTINGS = {
  ...{ beta: 0.1, up_weight: 1, down_weight: 1 },
  ...{ liked_weight: 0, correction_weight: 1, kl: 0 },
}

export function lmTask() {
  return tasks.generation.open({
    ...SETTINGS,
    ...{ max_tokens: 64, temperature: 0, top_p: 1, overflow: 'refuse' },
  })
}

export async function lmPlan() {
  const method = methods.lora
  const base = viewOf(await openBase('smollm2'), method, config)
  const task = lmTask()
  const plan = { base, method, config, task, outputs: task.outputs(task.start) }
  return { ...plan, parameters: freshAdapter(plan, openRandom(1, 'bench')) }
}
