/** Supplies a generator of the learner with the latents that it requests. */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { LatentProvider } from './sources/latent-provider.ts'
import type { LatentRequests } from '../learner/learner-types.ts'

/** Between two steps the process answers messages and can be stopped. */
export async function drive<Result>(
  requests: LatentRequests<Result>,
  latents: LatentProvider,
  signal: AbortSignal,
): Promise<Result> {
  let next = requests.next()
  while (next.done !== true) {
    await yieldToEventLoop()
    signal.throwIfAborted()
    next = requests.next(await latents.all(next.value, signal))
  }
  return next.value
}
