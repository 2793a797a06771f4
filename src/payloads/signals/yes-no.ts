/** Labels that hold for an input and labels that do not: one list or both. Of all others it says nothing. */
import type { SignalKind } from '../../contracts/payload.ts'
import { below, given, isObject, refuse } from '../reading.ts'
import { labelsSchema, listFlag, readLabels, type LabelListLimits } from './labels.ts'

export type YesNoSignal = Readonly<{
  kind: 'yes_no'
  yes: readonly string[]
  no: readonly string[]
}>

export const yesNo: SignalKind<YesNoSignal> = {
  name: 'yes_no',
  summary: 'labels that hold for an input, and labels that do not; of the others it says nothing',
  words: ['yes', 'no'],
  anyWord: true,
  about: 'input',
  flags: {
    yes: listFlag('labels that hold, such as a,b'),
    no: listFlag('labels that do not hold; of the others nothing is said'),
  },
  read(value, limits: LabelListLimits, pointer) {
    const list = (name: 'yes' | 'no') => {
      const names = isObject(value) ? given(value, name) : undefined
      return names === undefined ? [] : readLabels(names, limits, below(pointer, name))
    }
    const [yes, no] = [list('yes'), list('no')]
    const at = no.findIndex((name) => yes.includes(name))
    if (at >= 0)
      throw refuse(
        'LABELS_INVALID',
        below(pointer, 'no'),
        `${JSON.stringify(no[at])} stands in yes too`,
        'leave it in one of the two lists',
      )
    if (yes.length + no.length === 0)
      throw refuse(
        'LABELS_INVALID',
        below(pointer, 'yes'),
        'yes and no name no label',
        'name a label in one of them, or send labels: [] if none holds',
      )
    return { kind: 'yes_no', yes, no }
  },
  schema: (limits: LabelListLimits) => ({
    yes: labelsSchema('labels that hold; of what neither list names nothing is said', limits),
    no: labelsSchema('labels that do not hold', limits),
  }),
}
