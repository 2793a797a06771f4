/**
 * The examples of a file that must stay right, as rows that a candidate can answer. They are read like any event, so a
 * wrong line is found when the daemon starts or the config is checked, with its file and number.
 */
import { isRetraction } from '../contracts/event.ts'
import { CodedError, type ExampleKey } from '../contracts/core.ts'
import type { GoldenExample } from '../contracts/release.ts'
import type { EncodedRow } from '../contracts/network.ts'
import type { FeedbackEvent, Input } from '../contracts/event.ts'
import type { Example, Target } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'

export interface GoldenRow {
  readonly file: string
  readonly line: number
  readonly example: Example
}

export interface GoldenParts {
  readonly parse: (text: string) => FeedbackEvent
  readonly encode: (input: Input, target: Target) => EncodedRow
  readonly task: Pick<Task, 'target' | 'isTest' | 'start' | 'grown' | 'check'>
}

export function goldenRows(
  examples: readonly GoldenExample[],
  parts: GoldenParts,
): readonly GoldenRow[] {
  return examples.map((each) => {
    try {
      return { file: each.file, line: each.line, example: exampleIn(each, parts) }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      const { file, line } = each
      throw new CodedError('GOLDEN_INVALID', `${file}:${line}: ${error.message}`, {
        details: { file, line, code: error.code },
        cause: error,
      })
    }
  })
}

function exampleIn({ file, line, text }: GoldenExample, { parse, encode, task }: GoldenParts) {
  const event = parse(text)
  if (event.input === undefined) throw unusable('it has no input')
  if (isRetraction(event.signal)) throw unusable('it takes something back')
  const target = task.target(event.signal, undefined, task.start)
  if (!task.isTest(target)) throw unusable('it does not say what is right')
  task.check(target, task.grown(task.start, [target]))
  // Never the key of an event: those are a source and an id.
  const key = `golden ${file}:${line}` as ExampleKey
  const { source, id, weight } = event
  return { key, source, id, weight, target, encoded: encode(event.input, target) } satisfies Example
}

function unusable(why: string): CodedError {
  return new CodedError('GOLDEN_INVALID', why)
}
