/**
 * A model in a daemon that only trains: it knows and shows the live version but loads none, and refuses requests that
 * need one.
 */
import type { Clock, CodedError, Logger } from '../../contracts/core.ts'
import type { Routing, Registry } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'
import { openGenerations } from './generations.ts'
import type { LiveAdapter, LiveModel } from './contract.ts'

export interface FollowedModelOptions {
  readonly model: string
  readonly registry: Pick<Registry, 'live' | 'manifest' | 'watch'>
  readonly clock: Clock
  readonly log: Logger
}

/** Follows the registry's pointer from now on, without loading its version. */
export async function openFollowedModel(options: FollowedModelOptions): Promise<LiveModel> {
  const { registry, clock, log, model } = options
  const generations = openGenerations(clock)
  const refuse = async () => Promise.reject(roleTrainer(model))
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
    live: () => live,
    failedSwap: () => undefined,
    until: (generation, limits) => generations.until(generation, limits),
    swap: follow,
    predict: refuse,
    hold: refuse,
    settled: async () => Promise.resolve(),
    prove: refuse,
    close: async () => {
      stop()
    },
  }
}

export function roleTrainer(model: string): CodedError {
  return failure('ROLE_TRAINER', `this daemon trains ${model} and does not answer for it`)
}
