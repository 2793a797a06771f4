/** Retracts events through the daemon: one by its id, or all from a source. */
import { failure } from '../../platform/errors.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'

export interface RetractFlags extends ClientFlags {
  readonly source?: string
  readonly id?: string
  readonly since?: string
}

export async function retract(flags: RetractFlags): Promise<void> {
  const { source, id, since } = flags
  if (source === undefined && id === undefined) throw failure('USAGE', 'give --source, or --id')
  if (since !== undefined && id !== undefined)
    throw failure('USAGE', '--since goes with a --source, not with an --id')
  const { api } = await connectModel(flags)
  const answer = await api.feedback({
    retract: true,
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(since !== undefined && { since }),
  })
  const what = id === undefined ? `everything of ${source ?? ''}` : `the event ${id}`
  const retracted = since === undefined ? what : `${what} since ${since}`
  print(flags.json, answer, () => [
    answer.accepted === 1
      ? `accepted: ${retracted} is retracted when the trainer reads this`
      : 'already known',
  ])
}
