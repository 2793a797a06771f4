/** The receipt of one event, as a sentence and its details. */
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { modelPath } from './client.ts'
import { connectModel } from './connect.ts'

export interface ReceiptFlags extends ClientFlags {
  readonly source?: string
}

export async function showReceipt(id: string, flags: ReceiptFlags): Promise<void> {
  const { client, model } = await connectModel(flags)
  const query =
    flags.source === undefined ? '' : `?${new URLSearchParams({ source: flags.source }).toString()}`
  const path = `${modelPath(model, 'feedback')}/${encodeURIComponent(id)}${query}`
  const receipt = await client.get(path)
  const said = receipt as unknown as Said
  print(flags.json, receipt, () => [`${id}: ${sentenceOf(said)}`, ...detailsOf(said)])
}

/** The daemon's answer. */
interface Said {
  readonly source: string
  readonly state: string
  readonly waiting_for?: string
  readonly version?: string
  readonly weight?: number
  readonly slice?: string
  readonly time?: string
  readonly why?: string
  readonly code?: string
  readonly message?: string
  readonly fix?: string
  readonly details?: string
  readonly rollback?: { readonly to: string; readonly since: string; readonly reason: string }
}

/** A state of a later daemon says itself. */
function sentenceOf({ state, waiting_for, version, code, details = '' }: Said): string {
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

function detailsOf(said: Said): string[] {
  const { source, version, weight, slice, time, why, message, fix, rollback } = said
  const rows = Object.entries({ source, version, weight, slice, time, why, message, fix })
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [[`  ${name}`, String(value)]],
  )
  if (rollback === undefined) return table(shown)
  const { to, since, reason } = rollback
  return table([...shown, ['  rollback', `to ${to} at ${since}: ${reason}`]])
}
