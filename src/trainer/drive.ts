/** Supplies a generator of the learner with the latents that it requests. */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Example } from '../contracts/task.ts'
import type { LatentProvider } from './sources/latent-provider.ts'
import type { LatentMap } from '../learner/learner-types.ts'

/** Between two steps the process answers messages and can be stopped. */
export async function drive<Result>(
  story: Generator<readonly Example[], Result, LatentMap>,
  latents: LatentProvider,
  signal: AbortSignal,
): Promise<Result> {
  let told = story.next()
  while (told.done !== true) {
    await yieldToEventLoop()
    signal.throwIfAborted()
    told = story.next(await latents.all(told.value, signal))
  }
  return told.value
}
