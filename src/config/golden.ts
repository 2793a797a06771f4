/** The examples that promotion policies need, read for one model: at its start, and when a config is checked. */
import type { Base } from '../contracts/base.ts'
import type { PromotionNeeds } from '../contracts/release.ts'
import type { Task } from '../contracts/task.ts'
import { goldenRows, type GoldenRow } from '../evaluation/gate-rows.ts'
import { encodeExample } from '../intake/encode-example.ts'
import { recordParser } from '../intake/record-parser.ts'
import type { Config, ModelConfig } from './config.ts'

export function goldenOf(
  { golden = [] }: PromotionNeeds,
  model: Pick<ModelConfig, 'max_tokens'>,
  {
    base,
    task,
    limits,
  }: {
    readonly base: Pick<Base, 'name' | 'reads' | 'encode' | 'language'>
    readonly task: Task
    readonly limits: Config['limits']
  },
): readonly GoldenRow[] {
  const parse = recordParser({
    limits,
    reads: base.reads,
    signals: task.view.signals,
    onUnknownKey: () => undefined,
  })
  return goldenRows(golden, {
    task,
    encode: (input, target) => encodeExample({ input, target }, task, base, model.max_tokens),
    parse: (text) => parse(recordOf(text), 'golden'),
  })
}

function recordOf(text: string) {
  const value = new TextEncoder().encode(text)
  return { value, partition: 'golden', position: '', next: '' }
}
