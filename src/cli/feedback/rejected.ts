/** Lines of a file that were not taken, as a person wants to see them. */

export interface Rejected {
  readonly line: number
  readonly code: string
  readonly message: string
}

const SHOWN = 20

export function rejectedLines(rejected: readonly Rejected[]): string[] {
  const rest = rejected.length - SHOWN
  return [
    ...rejected
      .slice(0, SHOWN)
      .map(({ line, code, message }) => `  line ${line}: ${code}: ${message}`),
    ...(rest > 0 ? [`  … and ${rest} more (--json lists them all)`] : []),
  ]
}
