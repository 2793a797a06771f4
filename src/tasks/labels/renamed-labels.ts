/** Labels under the names that the config gives them today: `labels.renamed`, old → new. */

export type LabelNames = Readonly<Record<string, string>> | undefined

export function renamedLabel(label: string, renamed: LabelNames): string {
  return renamed !== undefined && Object.hasOwn(renamed, label) ? (renamed[label] ?? label) : label
}

/** One that would get the name of another keeps its own, and is retired. */
export function renamedLabels(labels: readonly string[], renamed: LabelNames): readonly string[] {
  if (renamed === undefined) return labels
  return labels.map((label) => {
    const name = renamedLabel(label, renamed)
    return labels.includes(name) ? label : name
  })
}
