/** The trunks of one process: models that cut the same base at the same place share one engine. */
import type { Base, TrunkEngine } from '../../contracts/base.ts'
import { openTrunkEngine } from './trunk-engine.ts'

export interface TrunkEngines {
  readonly open: (base: Base, cut: number) => Promise<TrunkEngine>
  /** Closes all that were opened. */
  readonly close: () => Promise<void>
}

/** `onCrash`: the thread of a trunk died, and another takes its place. */
export function openTrunkEngines(onCrash: (error: unknown, base: Base) => void): TrunkEngines {
  const known = new Map<string, Promise<TrunkEngine>>()
  return {
    async open(base, cut) {
      const key = `${base.hash}/${base.trunk ?? cut}`
      const open = async () =>
        openTrunkEngine(base, cut, {
          onCrash: (error) => {
            onCrash(error, base)
          },
        })
      const opening = known.get(key) ?? open()
      known.set(key, opening)
      return opening
    },
    async close() {
      const opened = await Promise.allSettled(known.values())
      await Promise.all(
        opened.map(async (each) => (each.status === 'fulfilled' ? each.value.close() : undefined)),
      )
    },
  }
}
