/** What is broken of each model, why, and how to fix it; nothing for a model that is well. */
export interface ShownFault {
  readonly part?: string
  readonly state?: string
  readonly source?: string
  readonly code?: string
  readonly message?: string
  readonly fix?: string
}

export function faultLines(shown: {
  readonly model: string
  readonly faults: readonly ShownFault[]
}): string[] {
  const lines = shown.faults.flatMap((fault) => linesOf(shown.model, fault))
  return lines.length === 0 ? [] : ['', ...lines]
}

function linesOf(model: string, { part = 'trainer', source, code, message, fix }: ShownFault) {
  const what = source === undefined ? part.replaceAll('_', ' ') : `source ${source}`
  const line = [`${model}: ${what}`, code, message].filter((text) => text !== undefined).join(': ')
  return fix === undefined ? [line] : [line, `  fix: ${fix}`]
}
