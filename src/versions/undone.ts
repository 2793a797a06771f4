/**
 * Which versions a rollback has taken back, read from the moves of the live pointer. They have learned what was
 * rejected, so lists mark them and going back to one must be asked for by name.
 *
 * Moves are read as a stack: a promotion puts its version on top, a rollback removes everything above its target, and
 * a version that is made live again in spite of that is no longer undone, nor are the ones before it that went with it.
 * A version that never was live shares the fate of its parent.
 */
import { CodedError } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import type { Manifest, Registry, Routing } from './contract.ts'
import { isOlder } from './order.ts'
import { isUndoing } from './routing.ts'

/** The newest moves that are read, and versions that are remembered. */
const MOST = 1000
const PAGE = 200
/** Held versions in a row between one and the last ancestor that was live. */
const DEEPEST = 64

type Line = Pick<Manifest, 'version' | 'parent'>

export class UndoneVersions {
  readonly #registry: Pick<Registry, 'live' | 'history' | 'manifest'>
  #last: Routing | undefined
  #stack: string[] = []
  readonly #undone = new Map<string, Routing>()
  #reading: Promise<void> = Promise.resolve()

  constructor(registry: Pick<Registry, 'live' | 'history' | 'manifest'>) {
    this.#registry = registry
  }

  /** The move that took it back; undefined if none did. */
  async by({ version, parent }: Line): Promise<Routing | undefined> {
    await this.#follow()
    let [name, before] = [version, parent]
    for (let depth = 0; depth < DEEPEST; depth += 1) {
      const by = this.#undone.get(name)
      if (by !== undefined || before === null || this.#stack.includes(name)) return by
      name = before
      before = this.#isKnown(name) ? null : await this.#parentOf(name)
    }
    return undefined
  }

  /** `VERSION_UNDONE`, unless that is what the caller wants. An unknown version is for others to refuse. */
  async refuse(version: string, isWanted: boolean | undefined): Promise<void> {
    if (isWanted === true) return
    const manifest = await this.#registry.manifest(version).catch(unlessCoded)
    const by = manifest && (await this.by(manifest))
    if (by === undefined) return
    const message = `${version} was taken back by ${moverOf(by)}, to ${by.live.version}: ${by.reason}`
    const { generation } = by
    throw failure('VERSION_UNDONE', message, { details: { version, generation } })
  }

  /** Reads the moves that are new; one reader at a time. */
  async #follow(): Promise<void> {
    const reading = this.#reading.then(async () => this.#read())
    this.#reading = reading.catch(() => undefined)
    await reading
  }

  async #read(): Promise<void> {
    const live = await this.#registry.live()
    const known = this.#last?.generation ?? 0
    if (live === undefined || live.generation === known) return
    // A registry that was restored from a backup has fewer moves.
    if (live.generation < known) this.#clear()
    const moves: Routing[] = []
    for (let before: number | undefined; moves.length < MOST;) {
      const page = await this.#registry.history(PAGE, before)
      const fresh = page.filter(({ generation }) => generation > (this.#last?.generation ?? 0))
      moves.push(...fresh)
      if (fresh.length < PAGE) break
      before = fresh.at(-1)?.generation
    }
    for (const move of moves.reverse()) this.#apply(move)
  }

  #apply(move: Routing): void {
    const { version } = move.live
    const { canary } = this.#last ?? {}
    this.#last = move
    if (move.by === 'rollback' || move.by === 'policy') {
      for (const gone of this.#above(version)) this.#mark(gone, move)
      // A rollback that ends a canary leaves the live version as it is.
      const isEnded = canary !== undefined && canary.version !== move.canary?.version
      if (isEnded && canary.version !== version && isUndoing(move)) this.#mark(canary.version, move)
    }
    this.#restore(version)
    if (this.#stack.at(-1) !== version) this.#stack.push(version)
    this.#stack = this.#stack.slice(-MOST)
    for (const oldest of this.#undone.keys()) {
      if (this.#undone.size <= MOST) break
      this.#undone.delete(oldest)
    }
  }

  /** What a rollback to this version removes; newer versions where it lies before the moves that were read. */
  #above(version: string): readonly string[] {
    const at = this.#stack.lastIndexOf(version)
    const gone =
      at >= 0 ? this.#stack.slice(at + 1) : this.#stack.filter((each) => isOlder(version, each))
    const left = new Set(gone)
    this.#stack =
      at >= 0 ? this.#stack.slice(0, at + 1) : this.#stack.filter((each) => !left.has(each))
    return gone
  }

  #mark(version: string, by: Routing): void {
    this.#undone.delete(version)
    this.#undone.set(version, by)
  }

  /** It is live again, with what it had learned from the versions before it. */
  #restore(version: string): void {
    const by = this.#undone.get(version)
    if (by === undefined) return
    for (const [each, its] of this.#undone)
      if (its === by && (each === version || isOlder(each, version))) this.#undone.delete(each)
  }

  #isKnown(version: string): boolean {
    return this.#undone.has(version) || this.#stack.includes(version)
  }

  async #parentOf(version: string): Promise<string | null> {
    const manifest = await this.#registry.manifest(version).catch(unlessCoded)
    return manifest?.parent ?? null
  }

  #clear(): void {
    this.#last = undefined
    this.#stack = []
    this.#undone.clear()
  }
}

/** `rollback (alice)` */
function moverOf({ by, actor }: Routing): string {
  return actor === undefined ? by : `${by} (${actor})`
}

function unlessCoded(error: unknown): undefined {
  if (error instanceof CodedError && !error.retriable) return
  throw error
}

/**
 * What was live at a time, by bisection over the generations: a few moves are read, however long the history is. Where the
 * clock of a machine went back, one of the versions of that hour is found.
 *
 * A time to come has the present version. `TIME_BEFORE_HISTORY` before the oldest move that is kept.
 */
export async function liveAt(
  registry: Pick<Registry, 'live' | 'history'>,
  timeMs: number,
): Promise<Routing> {
  let found = await registry.live()
  if (found === undefined) throw failure('NOT_READY', 'no version is live yet')
  if (found.sinceMs <= timeMs) return found
  // The move at `low`, if it is kept, is of that time or before; the one at `high` is after it.
  let [low, high] = [0, found.generation]
  found = undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const [move] = await registry.history(1, middle + 1)
    if (move !== undefined && move.sinceMs > timeMs) high = move.generation
    else [low, found] = [middle, move]
  }
  if (found !== undefined) return found
  const time = new Date(timeMs).toISOString()
  throw failure('TIME_BEFORE_HISTORY', `nothing is known to have been live at ${time}`, {
    details: { at: time },
  })
}
