/** What can be said of a trigger in numbers: how many events start an update, and after which rest fewer do. */
import { durationMs } from '../config/duration.ts'
import type { ModelConfig } from '../config/config.ts'
import type { TriggerHint } from '../serving/services/served-model.ts'

export function triggerHint({ trigger }: Pick<ModelConfig, 'trigger'>): TriggerHint {
  const { every, most, rest, rest_ms: restMs, every_ms: everyMs } = trigger
  const numbers = [every, most].filter((value) => typeof value === 'number')
  const times = [durationMs(rest), restMs, everyMs].filter((value) => typeof value === 'number')
  return { every: numbers[0] ?? 1, restMs: times[0] ?? 0 }
}
