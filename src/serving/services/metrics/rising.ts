/**
 * Counters with totals that others keep: raised at each scrape by the difference since the last. A total that fell has
 * restarted, like a trainer's when its process restarts.
 */
import type { TagsOf, Metrics, NameOf } from '../../../platform/metrics.ts'

export class Rising {
  readonly #metrics: Pick<Metrics, 'count'>
  readonly #totals = new Map<string, number>()

  constructor(metrics: Pick<Metrics, 'count'>) {
    this.#metrics = metrics
  }

  raise<Name extends NameOf<'counter'>>(name: Name, tags: TagsOf<Name>, total: number): void {
    const key = JSON.stringify([name, tags])
    const before = this.#totals.get(key) ?? 0
    this.#totals.set(key, total)
    this.#metrics.count(name, tags, total < before ? total : total - before)
  }
}
