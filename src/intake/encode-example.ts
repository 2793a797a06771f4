/** Encodes an example for the network: its input, and for a task of texts also the answers that it teaches. */
import type { Base } from '../contracts/base.ts'
import type { EncodedRow } from '../contracts/network.ts'
import type { Input } from '../contracts/event.ts'
import type { Target } from '../contracts/example.ts'
import type { PlacedRow, Task } from '../contracts/task.ts'
import { failure } from '../platform/errors.ts'

export interface ExampleText {
  readonly input: Input
  readonly target: Target
}

export function encodeExample(
  { input, target }: ExampleText,
  { texts }: Pick<Task, 'texts'>,
  base: Pick<Base, 'name' | 'encode' | 'language'>,
  maxTokens: number,
): EncodedRow {
  if (texts === undefined) return base.encode(input, maxTokens)
  const { language } = base
  if (language === undefined) throw withoutLanguage(base)
  return texts.encode(input, target, { language, maxTokens })
}

/** A target that names places in its input, on the positions of the row; any other as it is. */
export function placedTarget(
  target: Target,
  { input, row }: PlacedRow,
  task: Pick<Task, 'placed'>,
  base: Pick<Base, 'offsets'>,
): Target {
  if (task.placed === undefined) return target
  const offsets = row.offsets ?? base.offsets?.(input, row)
  return task.placed(target, { input, row: offsets === undefined ? row : { ...row, offsets } })
}

export function withoutLanguage({ name }: Pick<Base, 'name'>): Error {
  return failure('BASE_WITHOUT_LANGUAGE', `the base ${name} continues no texts`)
}
