/** Models that this daemon does not answer for. */
import type { Clock, CodedError, Logger } from '../../contracts/core.ts'
import type { Routing, Registry } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'
import { openGenerations } from './swaps.ts'
import type { LiveAdapter, LiveModel } from './contract.ts'

interface FollowedModelOptions {
  readonly model: string
  readonly registry: Pick<Registry, 'live' | 'manifest' | 'watch'>
  readonly clock: Clock
  readonly log: Logger
}

/** In a daemon that only trains: it follows the registry's pointer from now on, and shows the live version without loading it. */
export async function openFollowedModel(options: FollowedModelOptions): Promise<LiveModel> {
  const { registry, clock, log, model } = options
  const generations = openGenerations(clock)
  let live: LiveAdapter | undefined
  async function follow(pointer: Routing): Promise<void> {
    const manifest = await registry.manifest(pointer.live.version)
    if (pointer.generation < (live?.pointer.generation ?? 0)) return
    live = { manifest, pointer }
    generations.reach(pointer.generation)
  }
  async function tryToFollow(pointer: Routing): Promise<void> {
    await follow(pointer).catch((err: unknown) => {
      log.warn({ model, err, version: pointer.live.version }, 'the live version cannot be shown')
    })
  }
  const pointer = await registry.live()
  if (pointer !== undefined) await tryToFollow(pointer)
  const stop = registry.watch((moved) => void tryToFollow(moved))
  return {
    ...brokenLive(roleTrainer(model)),
    live: () => live,
    until: (generation, limits) => generations.until(generation, limits),
    swap: follow,
    close: async () => {
      stop()
    },
  }
}

export function roleTrainer(model: string): CodedError {
  return failure('ROLE_TRAINER', `this daemon trains ${model} and does not answer for it`)
}

/** A model with a registry that cannot be opened: each request is answered with the problem, while other models work. */
export function brokenLive(error: CodedError): LiveModel {
  const refuse = async () => Promise.reject(error)
  return {
    live: () => undefined,
    failedSwap: () => undefined,
    until: refuse,
    predict: refuse,
    hold: refuse,
    settled: async () => Promise.resolve(),
    swap: refuse,
    prove: refuse,
    close: async () => Promise.resolve(),
  }
}
