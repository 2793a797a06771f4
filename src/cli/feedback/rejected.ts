/** Refused lines of a file, for people. */

export interface Rejected {
  readonly line: number
  readonly code: string
  readonly message: string
  readonly fix?: string
}

const SHOWN = 20

export function rejectedLines(rejected: readonly Rejected[]): string[] {
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
function fixesOf(rejected: readonly Rejected[]): string[] {
  const fixes = new Map(rejected.map(({ code, fix }) => [fix, code]))
  return [...fixes].flatMap(([fix, code]) => (fix === undefined ? [] : [`  ${code}: ${fix}`]))
}
