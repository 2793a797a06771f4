/** The right label of an input. */
import type { SignalKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { isReordered } from '../../platform/visible-text.ts'
import { hasUnprintable, isLonger, printable, refuse, visible } from '../reading.ts'

export type LabelSignal = Readonly<{ kind: 'label'; label: string }>

type LabelLimits = Pick<Limits, 'label_characters'>

export const label: SignalKind<LabelSignal> = {
  name: 'label',
  summary: 'the right label of an input',
  words: ['label'],
  isCorrection: true,
  about: 'input',
  flags: { label: { description: 'right label', as: 'text' } },
  read(value, { label_characters: most }: LabelLimits, pointer) {
    // An unlabelled row of a data set often has its label key with null.
    if (value === null) throw refuse('LABEL_INVALID', pointer, 'null is not a label')
    if (typeof value !== 'string') throw refuse('LABEL_INVALID', pointer, 'a label is a string')
    const form = labelForm(value)
    if (form === '') throw refuse('LABEL_INVALID', pointer, 'a label is not blank')
    if (isLonger(form, most)) throw refuse('LABEL_INVALID', pointer, `at most ${most} characters`)
    if (hasUnprintable(form) || isReordered(form))
      throw refuse('LABEL_INVALID', pointer, 'printable characters only')
    return { kind: 'label', label: form }
  },
  schema: ({ label_characters: most }: LabelLimits) => ({
    label: {
      ...{ type: 'string', description: 'the right label' },
      ...{ maxLength: most, allOf: [printable, visible] },
    },
  }),
}

/**
 * The canonical spelling of a label, in the config and in events: without surrounding blanks, in Unicode's composed
 * form. Two labels that look the same on a screen are the same.
 */
export function labelForm(text: string): string {
  return text.normalize('NFC').trim()
}
