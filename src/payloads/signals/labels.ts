/** All labels that hold for an input: a list, and what it leaves out does not hold. The empty list says that none does. */
import type { Json } from '../../contracts/core.ts'
import type { PayloadFlag, SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { below, refuse } from '../reading.ts'
import { label } from './label.ts'

export type LabelsSignal = Readonly<{ kind: 'labels'; labels: readonly string[] }>

export type LabelListLimits = Pick<Limits, 'label_characters' | 'labels'>

export const labels: SignalKind<LabelsSignal> = {
  name: 'labels',
  summary: 'all labels that hold for an input; the others do not',
  words: ['labels'],
  isCorrection: true,
  about: 'input',
  flags: { labels: listFlag('all labels that hold, such as a,b; "" = none does') },
  read: (value, limits: LabelListLimits, pointer) => ({
    kind: 'labels',
    labels: readLabels(value, limits, pointer),
  }),
  schema: (limits: LabelListLimits) => ({
    labels: labelsSchema('all labels that hold; [] = none does', limits),
  }),
}

/** As JSON, or with commas between them. */
export function listFlag(description: string): PayloadFlag {
  const other = (text: string) => (text.trim() === '' ? [] : text.split(','))
  return { description, as: 'json', other }
}

/** Different labels in the order of their names: two lists of the same labels are the same lesson. */
export function readLabels(
  value: Json,
  limits: LabelListLimits,
  pointer: string,
): readonly string[] {
  if (!Array.isArray(value)) throw refuse('LABELS_INVALID', pointer, 'it is no list of labels')
  if (value.length > limits.labels)
    throw refuse('LABELS_INVALID', pointer, `at most ${limits.labels} labels`)
  const seen = new Set<string>()
  for (const [at, each] of value.entries()) {
    const place = below(pointer, at)
    const read = label.read(each as Json, limits, place, 'label') as { readonly label: string }
    if (seen.has(read.label))
      throw refuse('LABELS_INVALID', place, `${JSON.stringify(read.label)} stands in it twice`)
    seen.add(read.label)
  }
  return [...seen].sort()
}

export function labelsSchema(description: string, limits: LabelListLimits): object {
  const { label: items } = label.schema(limits)
  return { type: 'array', description, maxItems: limits.labels, uniqueItems: true, items }
}
