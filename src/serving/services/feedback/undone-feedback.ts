/**
 * Informs the inbox which duplicates to accept again. A rollback undoes learning, so an event from before it can be
 * sent again: up to that point only the trainer knows the duplicates.
 */
import type { Logger } from '../../../contracts/core.ts'
import type { Routing, Registry } from '../../../versions/contract.ts'

export interface UndoneParts {
  readonly registry: Pick<Registry, 'history' | 'watch'>
  /** The offset that the next event will get. */
  readonly end: () => number
  readonly log: Logger
}

/** The older part of a longer history does not matter: a rollback there costs only a count. */
const HISTORY = 1000

export class UndoneFeedback {
  readonly #parts: UndoneParts
  #below = 0
  #generation = 0
  #stop: (() => void) | undefined

  private constructor(parts: UndoneParts) {
    this.#parts = parts
  }

  static async open(parts: UndoneParts): Promise<UndoneFeedback> {
    const undone = new UndoneFeedback(parts)
    await undone.#watch()
    return undone
  }

  async #watch(): Promise<void> {
    await this.#look(HISTORY)
    this.#stop = this.#parts.registry.watch(({ generation }) => {
      // Moves in quick succession are reported as one.
      const unseen = Math.min(HISTORY, generation - this.#generation)
      if (unseen > 0) void this.#look(unseen).catch((err: unknown) => this.#failed(err))
    })
  }

  /** Events below this offset may come again. */
  below(): number {
    return this.#below
  }

  /** This server has made that move itself. */
  moved({ by }: Pick<Routing, 'by'>): void {
    if (by === 'rollback' || by === 'policy') this.#below = this.#parts.end()
  }

  close(): void {
    this.#stop?.()
  }

  async #look(count: number): Promise<void> {
    const moves = await this.#parts.registry.history(count)
    for (const move of moves) if (move.generation > this.#generation) this.moved(move)
    this.#generation = Math.max(this.#generation, moves[0]?.generation ?? 0)
  }

  #failed(err: unknown): void {
    this.#parts.log.warn({ err }, 'moves of the live pointer cannot be read')
  }
}
