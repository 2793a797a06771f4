/**
 * Rows that are asked for in one breath and have one length go through the trunk in one run: a run of eight short texts costs
 * half as much a row as a run of one, and gives each the same bits.
 */
import type { EncodedRow, Latent } from '../../contracts/network.ts'
import { positionsOf } from '../../payloads/rows.ts'

/** More gains nothing, and the next run can begin on another thread. */
const ROWS = 8

interface WaitingRow {
  readonly row: EncodedRow
  readonly resolve: (latent: Latent) => void
  readonly reject: (error: unknown) => void
}

export class RunsByLength {
  readonly #run: (rows: readonly EncodedRow[]) => Promise<readonly Latent[]>
  /** Waiting rows by length, in the order in which the lengths were first requested. */
  #waiting = new Map<number, WaitingRow[]>()

  constructor(run: (rows: readonly EncodedRow[]) => Promise<readonly Latent[]>) {
    this.#run = run
  }

  add(row: EncodedRow): Promise<Latent> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size === 0) queueMicrotask(() => this.#start())
      const positions = positionsOf(row)
      const alike = this.#waiting.get(positions) ?? []
      alike.push({ row, resolve, reject })
      this.#waiting.set(positions, alike)
    })
  }

  #start(): void {
    const groups = [...this.#waiting.values()]
    this.#waiting = new Map()
    for (const group of groups)
      for (let from = 0; from < group.length; from += ROWS)
        void this.#together(group.slice(from, from + ROWS))
  }

  async #together(group: readonly WaitingRow[]): Promise<void> {
    try {
      const latents = await this.#run(group.map(({ row }) => row))
      for (const [at, latent] of latents.entries()) group[at]?.resolve(latent)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}
