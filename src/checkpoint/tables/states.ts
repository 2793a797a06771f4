/**
 * States of the learner in the checkpoint: the present one and those of versions for a rollback. Weights are one blob,
 * written only with an update, and shared by the states that have the same; weights without a snapshot are removed.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Json, Tensor, Tensors } from '../../contracts/core.ts'
import type { VersionLine } from '../../intake/dedupe/dedupe.ts'
import { failure } from '../../platform/errors.ts'
import type { Store } from '../../platform/store/store.ts'
import type { LearnerState, TriggerState } from '../../learner/learner-types.ts'
import { noStamp, type Change, type CheckpointLimits, type Stamp } from '../saved.ts'
import type { Head } from '../../contracts/example.ts'
import { checkRow, rowSum, summedValues } from './rows.ts'

/**
 * Named tensors as one blob and its header, for a column of the checkpoint: sorted by name, so that equal tensors are equal bytes.
 */
interface TensorPack {
  /** `[[name, shape], …]` as JSON. */
  readonly header: string
  readonly blob: Uint8Array
}

const floatBytes = Float32Array.BYTES_PER_ELEMENT

export function packTensors(tensors: Tensors): TensorPack {
  const sorted = [...tensors].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const total = sorted.reduce((sum, [, { data }]) => sum + data.length, 0)
  const floats = new Float32Array(total)
  let at = 0
  for (const [, { data }] of sorted) {
    floats.set(data, at)
    at += data.length
  }
  const header = JSON.stringify(sorted.map(([name, { shape }]) => [name, shape]))
  return { header, blob: new Uint8Array(floats.buffer) }
}

export function unpackTensors({ header, blob }: TensorPack): Tensors {
  const named = JSON.parse(header) as readonly (readonly [string, readonly number[]])[]
  const floats = new Float32Array(blob.slice().buffer)
  const tensors = new Map<string, Tensor>()
  let at = 0
  for (const [name, shape] of named) {
    const size = shape.reduce((product, length) => product * length, 1)
    tensors.set(name, { shape, data: floats.slice(at, at + size) })
    at += size
  }
  if (at * floatBytes !== blob.byteLength)
    throw failure(
      'STORE_CORRUPT',
      `${blob.byteLength} bytes of tensors where ${at * floatBytes} belong`,
    )
  return tensors
}

type SnapshotLimits = Pick<CheckpointLimits, 'snapshots' | 'snapshotBytes'>

type SnapshotOf = NonNullable<Change['snapshot']>

/** SQLite knows the bytes of a blob and of a text without reading them, but not the characters. */
const SIZES = `SELECT version, weights, octet_length(mind) AS mind, length(tensors) AS tensors FROM snapshots
  JOIN states ON states.id = state JOIN weights ON weights.id = weights ORDER BY seq DESC`

export class StateTables {
  readonly #store: Store
  readonly #limits: SnapshotLimits

  constructor(store: Store, limits: SnapshotLimits) {
    this.#store = store
    this.#limits = limits
  }

  /** The number of the present state. */
  get now(): number {
    const now = fact(this.#store, 'now')
    if (now === undefined) throw failure('STORE_CORRUPT', `${this.#store.path}: no present state`)
    return Number(now)
  }

  /** `instead`: the weights in the file are damaged, and are not looked at. */
  read(
    id: number,
    instead?: TrainableState,
  ): { readonly weights: TrainableState; readonly learnerState: LearnerState } {
    const { path } = this.#store
    const row = this.#store.get('SELECT mind, weights, sum FROM states WHERE id = ?', id)
    if (row === undefined) throw failure('STORE_CORRUPT', `${path}: no state ${id}`)
    const [mind, own] = [row.text('mind'), row.number('weights')]
    checkRow(row, { path, what: `state ${id}` }, mind, own)
    return {
      weights: instead ?? this.#weights(own),
      learnerState: JSON.parse(mind) as LearnerState,
    }
  }

  #weights(id: number): TrainableState {
    const { path } = this.#store
    const row = this.#store.get(
      'SELECT head, steps, header, tensors, sum FROM weights WHERE id = ?',
      id,
    )
    if (row === undefined) throw failure('STORE_CORRUPT', `${path}: no weights ${id}`)
    const [head, steps] = [row.text('head'), row.number('steps')]
    const [header, blob] = [row.text('header'), row.bytes('tensors')]
    checkRow(row, { path, what: `weights ${id}` }, head, steps, header, blob)
    const tensors = unpackTensors({ header, blob })
    return { head: JSON.parse(head) as Head, steps, tensors }
  }

  /** Becomes the present state; returns its number. Without weights it shares those of the previous state. */
  insert(weights: TrainableState | undefined, learnerState: LearnerState): number {
    const own = weights === undefined ? this.#presentWeights() : this.#insertWeights(weights)
    const row = [JSON.stringify(learnerState), own] as const
    this.#store.run(
      'INSERT INTO states (mind, weights, sum) VALUES (?, ?, ?)',
      ...row,
      rowSum(...row),
    )
    const id = this.#newest('states')
    setFact(this.#store, 'now', id)
    return id
  }

  /** A retraction changes the learner state alone, and that of the snapshots that share the present state. */
  changeLearnerState(learnerState: LearnerState): void {
    const row = [JSON.stringify(learnerState), this.#presentWeights()] as const
    const change = 'UPDATE states SET mind = ?, sum = ? WHERE id = ?'
    this.#store.run(change, row[0], rowSum(...row), this.now)
  }

  /** Keeps the present state for `version`; old snapshots go, unless `stays` names them. */
  keepFor({ version, line, trigger }: SnapshotOf, stays: readonly string[]): void {
    const put = `INSERT OR REPLACE INTO snapshots (version, state, line, trigger_state, sum)
      VALUES (?, ?, ?, ?, ?)`
    const kept = trigger === undefined ? null : JSON.stringify(trigger)
    const row = [version, this.now, JSON.stringify(line), kept] as const
    this.#store.run(put, ...row, rowSum(...summedValues(row)))
    const gone = this.#overLimits().filter((name) => name !== version && !stays.includes(name))
    for (const name of gone) this.#store.run('DELETE FROM snapshots WHERE version = ?', name)
  }

  /** Versions that are too many or too large together, the newest first. States may share their weights. */
  #overLimits(): readonly string[] {
    const { snapshots, snapshotBytes = Infinity } = this.#limits
    const counted = new Set<number>()
    let bytes = 0
    const over = this.#store.all(SIZES).filter((row, at) => {
      const weights = row.number('weights')
      bytes += row.number('mind') + (counted.has(weights) ? 0 : row.number('tensors'))
      counted.add(weights)
      return at >= snapshots || bytes > snapshotBytes
    })
    return over.map((row) => row.text('version'))
  }

  ofVersion(version: string): number | undefined {
    // Not by the index, which no checksum covers: a flipped bit in it would hide the version.
    const sql = 'SELECT state, line, trigger_state, sum FROM snapshots WHERE +version = ?'
    const row = this.#store.get(sql, version)
    if (row === undefined) return undefined
    const [state, line] = [row.number('state'), row.textOrNull('line')]
    checkRow(
      row,
      { path: this.#store.path, what: `snapshot of ${version}` },
      ...summedValues([version, state, line, row.textOrNull('trigger_state')], 2),
    )
    return state
  }

  /** Absent for a version from before lines were kept. */
  lineOf(version: string): VersionLine | undefined {
    const sql = 'SELECT line FROM snapshots WHERE +version = ?'
    const line = this.#store.get(sql, version)?.textOrNull('line') ?? null
    return line === null ? undefined : (JSON.parse(line) as VersionLine)
  }

  /** Absent for a version from before it was kept. */
  triggerOf(version: string): TriggerState | undefined {
    const sql = 'SELECT trigger_state FROM snapshots WHERE +version = ?'
    const state = this.#store.get(sql, version)?.textOrNull('trigger_state') ?? null
    return state === null ? undefined : (JSON.parse(state) as TriggerState)
  }

  retire(versions: readonly string[]): void {
    for (const version of versions)
      this.#store.run('DELETE FROM snapshots WHERE +version = ?', version)
  }

  forgetVersions(): void {
    this.#store.run('DELETE FROM snapshots')
  }

  collect(): void {
    const useless = 'id <> ? AND id NOT IN (SELECT state FROM snapshots)'
    this.#store.run(`DELETE FROM states WHERE ${useless}`, this.now)
    this.#store.run('DELETE FROM weights WHERE id NOT IN (SELECT weights FROM states)')
  }

  #insertWeights({ head, steps, tensors }: TrainableState): number {
    const { header, blob } = packTensors(tensors)
    const row = [JSON.stringify(head), steps, header, blob] as const
    const put = 'INSERT INTO weights (head, steps, header, tensors, sum) VALUES (?, ?, ?, ?, ?)'
    this.#store.run(put, ...row, rowSum(...row))
    return this.#newest('weights')
  }

  #presentWeights(): number {
    const row = this.#store.get('SELECT weights FROM states WHERE id = ?', this.now)
    if (row === undefined) throw failure('STORE_CORRUPT', `${this.#store.path}: no present state`)
    return row.number('weights')
  }

  #newest(table: 'states' | 'weights'): number {
    return this.#store.get(`SELECT max(id) AS id FROM ${table}`)?.number('id') ?? 0
  }
}

export function fact(store: Store, name: string): Json | undefined {
  const row = store.get('SELECT value, sum FROM facts WHERE name = ?', name)
  if (row === undefined) return undefined
  const value = row.text('value')
  checkRow(row, { path: store.path, what: `the fact ${name}` }, name, value)
  return JSON.parse(value) as Json
}

/** All of them: a flipped bit in the name of one would hide it. */
export function checkFacts(store: Store): void {
  for (const row of store.all('SELECT name, value, sum FROM facts')) {
    const [name, value] = [row.text('name'), row.text('value')]
    checkRow(row, { path: store.path, what: `the fact ${name}` }, name, value)
  }
}

export function setFact(store: Store, name: string, value: Json): void {
  const row = [name, JSON.stringify(value)] as const
  const put = 'INSERT OR REPLACE INTO facts (name, value, sum) VALUES (?, ?, ?)'
  store.run(put, ...row, rowSum(...row))
}

/** A checkpoint from before there were stamps is older than any. */
export function stampOf(store: Store): Stamp {
  const { epoch, sequence } = (fact(store, 'stamp') ?? noStamp) as Stamp & Json
  return { epoch, sequence }
}
