/**
 * The adapters of a routing, loaded and verified before it is followed. The live one must load; a canary or a shadow
 * that cannot is left out, and the live version answers its requests.
 */
import type { Routing } from '../../versions/contract.ts'
import type { AdapterCache, HeldAdapter } from './adapter-cache.ts'

export interface LoadedRouting {
  readonly adapter: HeldAdapter
  readonly canary?: HeldAdapter
  readonly shadow?: HeldAdapter
}

export interface Unloadable {
  readonly version: string
  readonly error: unknown
}

/** Rejects when the live version cannot be loaded. */
export async function loadRouting(
  cache: Pick<AdapterCache, 'hold'>,
  { live, canary, shadow }: Routing,
): Promise<{ readonly loaded: LoadedRouting; readonly failed: readonly Unloadable[] }> {
  const adapter = await cache.hold(live.version, 'urgent')
  const failed: Unloadable[] = []
  const other = async (version: string | undefined): Promise<HeldAdapter | undefined> => {
    if (version === undefined) return undefined
    try {
      return await cache.hold(version, 'urgent')
    } catch (error) {
      failed.push({ version, error })
      return undefined
    }
  }
  const [asCanary, asShadow] = [await other(canary?.version), await other(shadow?.version)]
  const loaded = {
    adapter,
    ...(asCanary && { canary: asCanary }),
    ...(asShadow && { shadow: asShadow }),
  }
  return { loaded, failed }
}

export function releaseRouting({ adapter, canary, shadow }: LoadedRouting): void {
  for (const held of [adapter, canary, shadow]) held?.release()
}
