/** A text of many pages, such as a contract or a report. The base that reads it cuts it into parts. */
import type { InputKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { isVisible, wellFormed } from '../../platform/visible-text.ts'
import { isLonger, refuse, visible } from '../reading.ts'

export type DocumentInput = Readonly<{ kind: 'document'; document: string }>

type DocumentLimits = Pick<Limits, 'document_characters'>

/** A character of JSON has at most four bytes, unless it is written as an escape. */
const BYTES = 4

export const document: InputKind<DocumentInput> = {
  name: 'document',
  summary: 'a text of many pages, for a base that reads documents',
  flags: { document: { description: 'or the file of a long text', as: 'textfile' } },
  columns: 'own',
  isLong: true,
  example: 'The supplier may raise its prices at any time. The customer may end this contract.',
  read(value, { document_characters: most }: DocumentLimits, pointer) {
    if (typeof value !== 'string') throw refuse('EVENT_INVALID', pointer, 'a string')
    if (isLonger(value, most))
      throw refuse(
        'INPUT_TOO_LONG',
        pointer,
        `more than ${most} characters`,
        'send a shorter document, or raise limits.document_characters',
      )
    if (!isVisible(value)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
    return { kind: 'document', document: wellFormed(value) }
  },
  schema: ({ document_characters }: DocumentLimits) => ({
    ...{ type: 'string', maxLength: document_characters },
    ...visible,
  }),
  bytes: ({ document_characters }: DocumentLimits) => BYTES * document_characters,
}
