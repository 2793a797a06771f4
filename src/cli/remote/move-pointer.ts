/** Moves the live pointer through the daemon: shared by rollback and promote. */
import type { Json } from '../../contracts/core.ts'
import { modelPath, type JsonObject } from './client.ts'
import { connectModel } from './connect.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'

interface Moved {
  readonly live: string
  readonly previous: string
  readonly generation: number
}

export async function movePointer(
  route: 'rollback' | 'promote',
  body: Readonly<Record<string, Json>>,
  flags: ClientFlags,
): Promise<void> {
  const { client, model } = await connectModel(flags)
  const answer = await client.post(modelPath(model, route), body)
  print(flags.json, answer, () => {
    const { live, previous, generation } = answer as JsonObject & Moved
    const what = live === previous ? 'stays live' : `is live now, instead of ${previous}`
    return [`${live} ${what} (generation ${generation})`]
  })
}
