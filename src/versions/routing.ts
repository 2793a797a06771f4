/**
 * The routing in its stored and its working form. The stored form names the live version at its top level, as it did
 * before there was anything else, so that a file, a Redis and a daemon of an earlier release read it too.
 */
import { failure } from '../platform/errors.ts'
import type { Manifest, Mover, RoutedVersion, Routing, RoutingMove } from './contract.ts'

export type StoredRouting = RoutedVersion & Omit<Routing, 'live'>

export function storedOf({ live, ...rest }: Routing): StoredRouting {
  return { ...live, ...rest }
}

/** Leaves out fields that this release does not know. `STORE_CORRUPT` if it was altered. */
export function routingOf(stored: StoredRouting): Routing {
  const { version, digest, canary, shadow, generation, sinceMs, previous, reason, asks } = stored
  const { actor, hash, prior } = stored
  return {
    live: { version, digest },
    ...(canary && {
      canary: { version: canary.version, digest: canary.digest, share: canary.share },
    }),
    ...(shadow && { shadow: { version: shadow.version, digest: shadow.digest } }),
    generation,
    sinceMs,
    previous,
    reason,
    by: mover(stored.by),
    ...(asks && { asks }),
    ...(actor !== undefined && { actor }),
    ...(hash !== undefined && { hash }),
    ...(prior !== undefined && { prior }),
  }
}

/** A rollback that was not decided in the order of the stream: by a person, or by a server. The trainer goes after it. */
export function isUndoing({ by, asks }: Pick<Routing, 'by' | 'asks'>): boolean {
  return by === 'rollback' || (by === 'policy' && asks?.follow === true)
}

/** Only a trainer moves the pointer like this, and only after its first checkpoint. */
export function isByTrainer(move: Pick<Routing, 'by' | 'asks'>): boolean {
  const { by } = move
  return by === 'trainer' || by === 'start' || (by === 'policy' && !isUndoing(move))
}

/** The trainer goes to the version of such a move. */
export function isFollowed(move: Pick<Routing, 'by' | 'asks'>): boolean {
  return move.by === 'promote' || isUndoing(move)
}

/** Every version that it names: the live one first. */
export function routedVersions({
  live,
  canary,
  shadow,
}: Pick<Routing, 'live' | 'canary' | 'shadow'>): readonly RoutedVersion[] {
  return [live, canary, shadow].filter((each) => each !== undefined)
}

/** Throws `ROUTING_INVALID` if the parts of a move contradict each other. */
export function checkMove({ version, canary, shadow }: Omit<RoutingMove, 'expect'>): void {
  const refuse = (message: string, details: Readonly<Record<string, string | number>>) => {
    throw failure('ROUTING_INVALID', message, { details })
  }
  if (canary !== undefined && !(canary.share > 0 && canary.share < 1))
    refuse(`the share of ${canary.version} is ${canary.share}`, { share: canary.share })
  if (canary?.version === version) refuse(`${version} is live and the canary`, { version })
  if (shadow === version) refuse(`${version} is live and the shadow`, { version })
  if (shadow !== undefined && shadow === canary?.version)
    refuse(`${shadow} is the canary and the shadow`, { version: shadow })
}

const movers = [
  ...(['trainer', 'rollback', 'promote', 'start', 'policy'] as const),
  ...(['pause', 'resume', 'relearn', 'discard', 'forget', 'canary', 'shadow'] as const),
]

export function mover(text: string): Mover {
  const known = movers.find((by) => by === text)
  if (known === undefined) throw failure('STORE_CORRUPT', `the pointer was moved by ${text}`)
  return known
}

/** A move that keeps the live version, such as a command or a step of a canary, also keeps the one before it. */
export function previousOf(before: Routing | undefined, live: string): string | null {
  if (before === undefined) return null
  return before.live.version === live ? before.previous : before.live.version
}

const REASON_CHARACTERS = 2_000

/**
 * A reason comes from a person's request: no control characters in logs and answers, a bounded length, and no halves of
 * characters, which a store would not give back.
 */
export function printable(reason: string): string {
  return reason
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, REASON_CHARACTERS)
    .replace(/\p{Cs}/gu, '�')
}

/** The versions that must keep their bytes: those that it names, and the target of a rollback. */
export function namesOf(routing: Routing): readonly string[] {
  const named = routedVersions(routing).map(({ version }) => version)
  return routing.previous === null ? named : [...named, routing.previous]
}

/** Loads and checks every version that a move names. */
export async function proveMove<Proved extends { readonly manifest: Manifest }>(
  { version, canary, shadow }: Pick<RoutingMove, 'version' | 'canary' | 'shadow'>,
  load: (version: string) => Promise<Proved>,
) {
  const versions: Proved[] = []
  const routed = async (name: string): Promise<RoutedVersion> => {
    const proved = await load(name)
    versions.push(proved)
    return { version: name, digest: proved.manifest.digest }
  }
  const parts: Pick<Routing, 'live' | 'canary' | 'shadow'> = {
    live: await routed(version),
    ...(canary && { canary: { ...(await routed(canary.version)), share: canary.share } }),
    ...(shadow !== undefined && { shadow: await routed(shadow) }),
  }
  return { routed: parts, versions }
}
