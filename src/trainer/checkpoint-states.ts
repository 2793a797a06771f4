/**
 * States of the learner in the checkpoint: the present one and those of versions that may be gone back to. Weights are
 * one blob, written with an update and never between, and shared by the states that have the same; what no snapshot
 * names any more goes.
 */
import type { Json, TrainableState } from '../contracts.ts'
import { failure } from '../runtime/errors.ts'
import type { Row } from '../runtime/row.ts'
import type { Store } from '../runtime/store.ts'
import type { Mind } from './learner-types.ts'
import { noStamp, type Stamp } from './saved.ts'
import { packTensors, unpackTensors } from './tensor-pack.ts'

export class StateTables {
  readonly #store: Store
  readonly #snapshots: number

  /** `snapshots`: how many are kept besides the protected ones. */
  constructor(store: Store, snapshots: number) {
    this.#store = store
    this.#snapshots = snapshots
  }

  /** The number of the present state. */
  get now(): number {
    const row = this.#store.get(`SELECT value FROM facts WHERE name = 'now'`)
    if (row === undefined) throw failure('STORE_CORRUPT', `${this.#store.path}: no present state`)
    return Number(row.text('value'))
  }

  read(id: number): { readonly weights: TrainableState; readonly mind: Mind } {
    const row = this.#store.get(
      'SELECT mind, weights.* FROM states JOIN weights ON weights.id = weights WHERE states.id = ?',
      id,
    )
    if (row === undefined) throw failure('STORE_CORRUPT', `${this.#store.path}: no state ${id}`)
    return { weights: weightsOf(row), mind: JSON.parse(row.text('mind')) as Mind }
  }

  /** Becomes the present state; answers its number. Without weights it has those of the state before. */
  insert(weights: TrainableState | undefined, mind: Mind): number {
    const own = weights === undefined ? this.#presentWeights() : this.#insertWeights(weights)
    const put = 'INSERT INTO states (mind, weights) VALUES (?, ?)'
    this.#store.run(put, JSON.stringify(mind), own)
    const id = this.#newest('states')
    setFact(this.#store, 'now', id)
    return id
  }

  /** A retraction changes the mind alone, and that of the snapshots that share the present state. */
  changeMind(mind: Mind): void {
    this.#store.run('UPDATE states SET mind = ? WHERE id = ?', JSON.stringify(mind), this.now)
  }

  /** Keeps the present state for `version`; old snapshots go, unless `kept` names them. */
  keepFor(version: string, kept: readonly string[]): void {
    const put = 'INSERT OR REPLACE INTO snapshots (version, state) VALUES (?, ?)'
    this.#store.run(put, version, this.now)
    const old = this.#store.all(
      'SELECT version FROM snapshots ORDER BY seq DESC LIMIT -1 OFFSET ?',
      this.#snapshots,
    )
    const gone = old.map((row) => row.text('version')).filter((name) => !kept.includes(name))
    for (const name of gone) this.#store.run('DELETE FROM snapshots WHERE version = ?', name)
  }

  ofVersion(version: string): number | undefined {
    return this.#store
      .get('SELECT state FROM snapshots WHERE version = ?', version)
      ?.number('state')
  }

  forgetVersions(): void {
    this.#store.run('DELETE FROM snapshots')
  }

  collect(): void {
    const useless = 'id <> ? AND id NOT IN (SELECT state FROM snapshots)'
    this.#store.run(`DELETE FROM states WHERE ${useless}`, this.now)
    this.#store.run('DELETE FROM weights WHERE id NOT IN (SELECT weights FROM states)')
  }

  #insertWeights({ labels, steps, tensors }: TrainableState): number {
    const { header, blob } = packTensors(tensors)
    this.#store.run(
      'INSERT INTO weights (labels, steps, header, tensors) VALUES (?, ?, ?, ?)',
      ...[JSON.stringify(labels), steps, header, blob],
    )
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
  const row = store.get('SELECT value FROM facts WHERE name = ?', name)
  return row === undefined ? undefined : (JSON.parse(row.text('value')) as Json)
}

export function setFact(store: Store, name: string, value: Json): void {
  store.run('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', name, JSON.stringify(value))
}

/** A checkpoint from before there were stamps is older than any. */
export function stampOf(store: Store): Stamp {
  const { epoch, sequence } = (fact(store, 'stamp') ?? noStamp) as Stamp & Json
  return { epoch, sequence }
}

function weightsOf(row: Row): TrainableState {
  return {
    labels: JSON.parse(row.text('labels')) as string[],
    steps: row.number('steps'),
    tensors: unpackTensors({ header: row.text('header'), blob: row.bytes('tensors') }),
  }
}
