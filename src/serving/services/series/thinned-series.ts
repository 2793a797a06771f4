/**
 * A bounded series over the whole life of a process: fine where it is recent, coarser the older it is. When it is full,
 * every second sample of its older half is dropped, so that it never forgets the beginning and never grows.
 */
export class ThinnedSeries<Sample> {
  readonly #most: number
  #samples: Sample[] = []

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#samples.length
  }

  /** Oldest first. */
  get all(): readonly Sample[] {
    return this.#samples
  }

  get last(): Sample | undefined {
    return this.#samples.at(-1)
  }

  add(sample: Sample): void {
    if (this.#samples.length >= this.#most) this.#thin()
    this.#samples.push(sample)
  }

  #thin(): void {
    const half = Math.ceil(this.#most / 2)
    this.#samples = this.#samples.filter((_sample, at) => at >= half || at % 2 === 0)
  }
}
