/** The scores of served answers in the checkpoint: a row for each version, and one for each judged answer that is known. */
import type { ServedChange, ServedState } from '../evaluation/served-scores.ts'
import type { Store } from '../platform/store/store.ts'
import { insertRows } from './insert-rows.ts'
import { checkRow, summed } from './row-sum.ts'

export class ServedTables {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  load(): ServedState {
    const versions = this.#store
      .all('SELECT version, at, count, errors, sum FROM served_versions ORDER BY at')
      .map((row) => {
        const version = row.text('version')
        const [at, count, errors] = [row.number('at'), row.number('count'), row.number('errors')]
        const what = `the served score of ${version}`
        checkRow(row, { path: this.#store.path, what }, version, at, count, errors)
        return { version, at, count, errors }
      })
    const judgements = this.#store
      .all('SELECT prediction, at, version, error, sum FROM judged_answers ORDER BY at')
      .map((row) => {
        const [prediction, version] = [row.text('prediction'), row.text('version')]
        const [at, error] = [row.number('at'), row.number('error')]
        const what = `the judgement of ${prediction}`
        checkRow(row, { path: this.#store.path, what }, prediction, at, version, error)
        return { prediction, at, version, error }
      })
    return { versions, judgements }
  }

  write({ versions, goneVersions, judgements, goneJudgements }: ServedChange): void {
    for (const version of goneVersions)
      this.#store.run('DELETE FROM served_versions WHERE version = ?', version)
    for (const prediction of goneJudgements)
      this.#store.run('DELETE FROM judged_answers WHERE prediction = ?', prediction)
    insertRows(
      this.#store,
      'INSERT OR REPLACE INTO served_versions (version, at, count, errors, sum)',
      5,
      versions.map(({ version, at, count, errors }) => summed([version, at, count, errors])),
    )
    insertRows(
      this.#store,
      'INSERT OR REPLACE INTO judged_answers (prediction, at, version, error, sum)',
      5,
      judgements.map(({ prediction, at, version, error }) =>
        summed([prediction, at, version, error]),
      ),
    )
  }
}
