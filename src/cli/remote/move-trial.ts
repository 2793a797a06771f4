/** Begins or ends a trial through the daemon: shared by canary and shadow. */
import type { Json } from '../../contracts/core.ts'
import type { ClientFlags } from '../flags.ts'
import { print } from '../print.ts'
import { modelPath, type JsonObject } from './client.ts'
import { connectModel } from './connect.ts'
import { trialText, type Routed } from './routed.ts'

interface Answer extends Routed {
  readonly live: string
  readonly generation: number
}

/** `route`: the parts of the path, such as `canary`, `end`. */
export async function moveTrial(
  route: readonly string[],
  body: Readonly<Record<string, Json>>,
  flags: ClientFlags,
): Promise<void> {
  const { client, model } = await connectModel(flags)
  const answer = await client.post(modelPath(model, ...route), body)
  print(flags.json, answer, () => {
    const { live, generation, ...routed } = answer as JsonObject & Answer
    return [`${live}${trialText(routed)} (generation ${generation})`]
  })
}
