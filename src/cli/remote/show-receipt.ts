/** The receipt of one event, as a sentence and its details. */
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import type { Receipt } from '../../client/client.ts'
import { connectModel } from './connect.ts'

export interface ReceiptFlags extends ClientFlags {
  readonly source?: string
}

export async function showReceipt(id: string, flags: ReceiptFlags): Promise<void> {
  const { api } = await connectModel(flags)
  const { source } = flags
  const receipt = await api.receipt(id, source === undefined ? {} : { source })
  print(flags.json, receipt, () => [`${id}: ${sentenceOf(receipt)}`, ...detailsOf(receipt)])
}

/** A state of a later daemon says itself. */
function sentenceOf({ state, waiting_for, version, code, details = '' }: Receipt): string {
  const sentences: Readonly<Record<string, string>> = {
    received: 'received; the trainer has not read it yet',
    waiting:
      waiting_for === 'prediction'
        ? 'waits for the prediction that it names'
        : 'waits for the next update',
    learned: version === undefined ? `learned (${details})` : `learned in ${version}`,
    held_out: 'held out: it compares versions, and is never learned',
    rejected: code === undefined ? 'rejected' : `rejected: ${code}`,
    set_aside: 'set aside by a rollback: antikythera relearn, or discard',
    quarantined: 'in quarantine: antikythera quarantine release, or drop',
    superseded: 'superseded by a newer signal',
    retracted: 'retracted',
    forgotten: 'forgotten',
  }
  return sentences[state] ?? state
}

function detailsOf(receipt: Receipt): string[] {
  const { source, version, weight, slice, time, why, message, fix, rollback } = receipt
  const rows = Object.entries({ source, version, weight, slice, time, why, message, fix })
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [[`  ${name}`, String(value)]],
  )
  if (rollback === undefined) return table(shown)
  const { to, since, reason } = rollback
  return table([...shown, ['  rollback', `to ${to} at ${since}: ${reason}`]])
}
