/** The flags of a file of rows, and of `feedback`: such a file, or the parts of one event. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Columns } from './csv-table.ts'
import type { FileFormat } from './file-format.ts'
import type { ClientFlags } from '../flags.ts'

export interface RowFlags {
  readonly file?: string
  readonly format?: FileFormat
  readonly textColumn?: string
  readonly labelColumn?: string
  readonly idColumn?: string
  /** The share of the rows that is not taught but evaluated. */
  readonly holdOut?: number
}

/** Beside them those of the kinds of inputs and signals, by name. */
export interface FeedbackFlags extends ClientFlags, RowFlags {
  readonly dryRun?: boolean
  /** Refused events in a row that stop the sending; 0 = never. */
  readonly stopAfter: number
  readonly retrySeconds: number
  readonly wait?: boolean
  readonly predictionId?: string
  readonly correction?: string
  readonly retract?: boolean
  readonly weight?: number
  readonly slice?: string
  readonly id?: string
  readonly source?: string
}

export function columnsOf({ textColumn, labelColumn, idColumn }: RowFlags): Columns {
  return { text: textColumn, label: labelColumn, id: idColumn }
}

/** `held`: the meaning of `--hold-out`. */
export function withRows(command: Command, held: string): Command {
  return command
    .option('-f, --file <path>', 'JSONL, one event per line, or CSV with a header; - = stdin')
    .addOption(
      new Option(
        '--format <name>',
        'format of --file; absent = csv for .csv and .tsv, otherwise jsonl',
      ).choices(['jsonl', 'csv']),
    )
    .option('--text-column <name>', 'column or JSON field of --file that is the text')
    .option('--label-column <name>', 'the same for the label')
    .option('--id-column <name>', 'the same for the id')
    .option('--hold-out <share>', held, heldOutShare)
}

function heldOutShare(text: string): number {
  const share = text.trim().endsWith('%') ? Number(text.trim().slice(0, -1)) / 100 : Number(text)
  if (text.trim() !== '' && share > 0 && share < 1) return share
  throw new InvalidArgumentError('give a share of the rows, such as 20% or 0.2')
}
