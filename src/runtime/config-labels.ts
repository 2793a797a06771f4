/** The two ways to declare labels, read as one. */
import type { ModelConfig } from './config-schema.ts'

export function labelRules(labels: ModelConfig['labels']): {
  readonly open: boolean
  readonly known: readonly string[]
} {
  return 'open' in labels ? labels : { open: false, known: labels }
}
