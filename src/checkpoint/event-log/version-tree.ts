/**
 * The versions that rows of the event log were learned by, each with the one that it continued: which of the rows a
 * version has learned follows from its line. A version that the log does not know was published before all of its rows,
 * or elsewhere: it has learned none of them.
 */
export interface LoggedVersion {
  readonly id: number
  readonly version: string
  /** The number of the version that it continued; 0 = not known here. */
  readonly parent: number
  /** The order of the first row that came after it. */
  readonly end: number
  /** Rows that the version it continued had learned, and that it was made without. Absent in one of an earlier release. */
  readonly removed?: readonly number[] | undefined
}

export class VersionTree {
  readonly #byId = new Map<number, LoggedVersion>()
  readonly #byName = new Map<string, LoggedVersion>()
  #next = 1
  /** Since the last save. */
  #fresh: LoggedVersion[] = []

  /** The same version again, after a crash or a failure, keeps its number. */
  add(version: string, parent: string | null, end: number, removed: readonly number[] = []): void {
    if (this.#byName.has(version)) return
    const from = parent === null ? 0 : this.idOf(parent)
    const row = { id: this.#next, version, parent: from, end, removed }
    this.#next += 1
    this.#keep(row)
    this.#fresh.push(row)
  }

  /** It was made without these rows of the version that it continued. */
  remove(id: number, removed: readonly number[]): void {
    const row = this.#byId.get(id)
    if (row === undefined) return
    const changed = { ...row, removed }
    this.#keep(changed)
    this.#fresh = [...this.#fresh.filter((each) => each.id !== id), changed]
  }

  /** A version that was made elsewhere from one that is known here: an import of its export. It has learned the same. */
  join(version: string, parent: string | null): void {
    const end = parent === null ? undefined : this.endOf(parent)
    if (end !== undefined) this.add(version, parent, end)
  }

  idOf(version: string): number {
    return this.#byName.get(version)?.id ?? 0
  }

  nameOf(id: number): string | undefined {
    return this.#byId.get(id)?.version
  }

  endOf(version: string): number | undefined {
    return this.#byName.get(version)?.end
  }

  /** Its own number and those of its ancestors. */
  lineOf(version: string): ReadonlySet<number> {
    const line = new Set<number>()
    for (let id = this.idOf(version); id !== 0; id = this.#byId.get(id)?.parent ?? 0) line.add(id)
    return line
  }

  /** It and its ancestors, as far as they are known here, the newest first. */
  ancestry(version: string): readonly LoggedVersion[] {
    return [...this.lineOf(version)].flatMap((id) => this.#byId.get(id) ?? [])
  }

  get size(): number {
    return this.#byId.size
  }

  /** In the order in which they were published. */
  get all(): readonly LoggedVersion[] {
    return [...this.#byId.values()]
  }

  get(id: number): LoggedVersion | undefined {
    return this.#byId.get(id)
  }

  get fresh(): readonly LoggedVersion[] {
    return this.#fresh
  }

  saved(): void {
    this.#fresh = []
  }

  /** No row is left that a version with a lower number has learned. */
  forgetBelow(id: number): void {
    for (const row of this.#byId.values()) {
      if (row.id >= id) return
      this.#byId.delete(row.id)
      if (this.#byName.get(row.version) === row) this.#byName.delete(row.version)
    }
  }

  /** `rows`: by number, lowest first. `next`: the number of the next version, because the newest ones may be gone. */
  restore(rows: readonly LoggedVersion[], next: number): void {
    this.#byId.clear()
    this.#byName.clear()
    for (const row of rows) this.#keep(row)
    this.#next = Math.max(next, (rows.at(-1)?.id ?? 0) + 1)
    this.#fresh = []
  }

  get next(): number {
    return this.#next
  }

  #keep(row: LoggedVersion): void {
    this.#byId.set(row.id, row)
    this.#byName.set(row.version, row)
  }
}
