/**
 * The Redis keys of one model's registry. All share the model's hash tag, so that a script may touch them all, also in
 * a Cluster.
 */
import type { Redis } from '../../platform/redis/redis.ts'

export interface RegistryKeys {
  /** Hash: `pointer` (a move as JSON), its `generation`, `revision` (rises with every change), `incarnation`. */
  readonly state: string
  /** Hash: generation → the move that led there. */
  readonly moves: string
  /** Hash: version → digest, a blank, and the manifest; also of versions without bytes. */
  readonly manifests: string
  /** Hash: version → digest, of versions with complete bytes here. */
  readonly kept: string
  /** Sorted set of version names by age. */
  readonly index: string
  readonly pins: string
  /** Hash: version → digest, of versions found altered: a daemon that has them on disk restores them. */
  readonly damaged: string
  /** The highest epoch that a lease was granted under. */
  readonly epoch: string
  /** Wakes pollers. */
  readonly channel: string
  /** Hash: digest → when its bytes were put: the index of `bytes`. */
  readonly blobs: string
  /** Hash: chunk → bytes, where they lie in Redis; and `whole`, the sizes, once all of them are there. The name is the content, so that uploads cannot mix. */
  bytes(digest: string): string
}

export function registryKeys(redis: Redis, model: string): RegistryKeys {
  const at = (...parts: readonly string[]) => redis.key(model, 'registry', ...parts)
  return {
    state: at('state'),
    moves: at('moves'),
    manifests: at('manifests'),
    kept: at('kept'),
    index: at('index'),
    pins: at('pins'),
    damaged: at('damaged'),
    epoch: redis.key(model, 'epoch'),
    channel: at('wake'),
    blobs: at('blobs'),
    bytes: (digest) => at('bytes', digest),
  }
}

/** In the order in which every script of the registry takes them; more may follow. */
export function scriptKeys(keys: RegistryKeys, ...digests: readonly string[]): readonly string[] {
  const { state, moves, manifests, kept, index, pins, damaged, epoch, channel, blobs } = keys
  const fixed = [state, moves, manifests, kept, index, pins, damaged, epoch, channel, blobs]
  return [...fixed, ...digests.map((digest) => keys.bytes(digest))]
}
