/** The flags of `feedback`: a file, or the parts of one event. */
import type { Columns } from './csv-table.ts'
import type { FileFormat } from './file-format.ts'
import type { ClientFlags } from '../flags.ts'

export interface FeedbackFlags extends ClientFlags {
  readonly file?: string
  readonly format?: FileFormat
  readonly textColumn?: string
  readonly labelColumn?: string
  readonly idColumn?: string
  readonly dryRun?: boolean
  /** Refused events in a row that stop the sending; 0 = never. */
  readonly stopAfter: number
  readonly features?: string
  readonly retrySeconds: number
  readonly wait?: boolean
  readonly text?: string
  readonly predictionId?: string
  readonly label?: string
  readonly value?: number
  readonly correction?: string
  readonly messages?: string
  readonly completion?: string
  readonly chosen?: string
  readonly rejected?: string
  readonly rating?: number
  readonly retract?: boolean
  readonly weight?: number
  readonly slice?: string
  readonly id?: string
  readonly source?: string
}

export function columnsOf({ textColumn, labelColumn, idColumn }: FeedbackFlags): Columns {
  return { text: textColumn, label: labelColumn, id: idColumn }
}
