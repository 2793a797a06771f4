/** The output of a command on stdout: one JSON document with --json, otherwise lines for people. */

export function print(
  isJson: boolean | undefined,
  value: unknown,
  lines: () => readonly string[],
): void {
  const shown = isJson === true ? [JSON.stringify(value)] : lines().map(harmless)
  process.stdout.write(shown.map((line) => `${line}\n`).join(''))
}

/** Escapes what a terminal would carry out: a dead letter, for example, holds the bytes of a stranger. */
export function harmless(text: string): string {
  return text.replaceAll(
    /(?![\n\t])\p{Cc}/gu,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** A number with five digits that count: 312046 → 312050, 0.0312046 → 0.031205. */
export function short(value: number): string {
  return String(Number(value.toPrecision(5)))
}
