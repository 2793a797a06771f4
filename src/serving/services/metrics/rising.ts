/** Counters with totals that others keep: raised at each scrape by the difference since the last. */
import type { TagsOf, Metrics, NameOf } from '../../../platform/metrics.ts'

export class Rising {
  readonly #metrics: Pick<Metrics, 'count'>
  readonly #totals = new Map<string, number>()

  constructor(metrics: Pick<Metrics, 'count'>) {
    this.#metrics = metrics
  }

  /** A total that begins at 0 with each process of a trainer: one that fell has begun again. */
  raise<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, total: number): void {
    const before = this.#exchange(name, tags, total)
    this.#metrics.count(name, tags, total < before ? total : total - before)
  }

  /**
   * A total that is saved with the model. Until the checkpoint is read it is 0, and after a crash or a rollback it may be
   * a little lower: only what comes after that is counted, the work that is done again included.
   */
  raiseSaved<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, total: number): void {
    const before = total === 0 ? 0 : this.#exchange(name, tags, total)
    this.#metrics.count(name, tags, Math.max(0, total - before))
  }

  /** Returns the total of the last scrape. */
  #exchange(name: string, tags: object, total: number): number {
    const key = JSON.stringify([name, tags])
    const before = this.#totals.get(key) ?? 0
    this.#totals.set(key, total)
    return before
  }
}
