/** What the network reads of an example: its input, and for a task of texts also the answers that it teaches. */
import type { Base, Encoded } from '../contracts/network.ts'
import type { Input } from '../contracts/stream.ts'
import type { Target, Task } from '../contracts/task.ts'
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
): Encoded {
  if (texts === undefined) return base.encode(input, maxTokens)
  const { language } = base
  if (language === undefined) throw withoutLanguage(base)
  return texts.encode(input, target, { language, maxTokens })
}

export function withoutLanguage({ name }: Pick<Base, 'name'>): Error {
  return failure('BASE_WITHOUT_LANGUAGE', `the base ${name} continues no texts`)
}
