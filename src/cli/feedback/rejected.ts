/** Refused lines of a file, for people. */
import type { CodedError } from '../../contracts/core.ts'
import type { RejectedEvent as RejectedEvent } from '../../client/client.ts'
import { failure } from '../../platform/errors.ts'

export interface RejectedLine extends Omit<RejectedEvent, 'index'> {
  readonly line: number
}

const SHOWN = 20

export function rejectedLines(rejected: readonly RejectedLine[]): string[] {
  const rest = rejected.length - SHOWN
  return [
    ...rejected
      .slice(0, SHOWN)
      .map(({ line, code, message }) => `  line ${line}: ${code}: ${message}`),
    ...(rest > 0 ? [`  … and ${rest} more (--json lists them all)`] : []),
    ...fixesOf(rejected),
  ]
}

/** Each once. */
function fixesOf(rejected: readonly RejectedLine[]): string[] {
  const fixes = new Map(rejected.map(({ code, fix }) => [fix, code]))
  return [...fixes].flatMap(([fix, code]) => (fix === undefined ? [] : [`  ${code}: ${fix}`]))
}

export function withoutRows(file: string): CodedError {
  return failure('USAGE', `${file} has no rows`, {
    fix: 'below the line with the names of its columns, a CSV has an event in each row; JSONL has an event in each line',
  })
}
