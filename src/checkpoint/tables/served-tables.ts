/** The scores of served answers in the checkpoint: a row for each version, and one for each judged answer that is known. */
import type { ServedChange, ServedState } from '../../evaluation/served-scores.ts'
import type { Store } from '../../platform/store/store.ts'
import { insertRows, checkRow, rowSum, summedValues } from './rows.ts'
import type { Value } from '../../platform/store/row.ts'
import type { JudgedPart, PartsState } from '../../evaluation/served-parts.ts'

/** Rows of before there were parts have none, and their sums without. */
function withSum(values: readonly Value[]): readonly Value[] {
  return [...values, rowSum(...summedValues(values))]
}

export class ServedTables {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  load(): ServedState {
    const versions = this.#store
      .all('SELECT version, at, count, errors, parts, sum FROM served_versions ORDER BY at')
      .map((row) => {
        const version = row.text('version')
        const [at, count, errors] = [row.number('at'), row.number('count'), row.number('errors')]
        const what = `the served score of ${version}`
        const parts = row.textOrNull('parts')
        const values = summedValues([version, at, count, errors, parts])
        checkRow(row, { path: this.#store.path, what }, ...values)
        const own = parts === null ? {} : { parts: JSON.parse(parts) as PartsState }
        return { version, at, count, errors, ...own }
      })
    const judgements = this.#store
      .all('SELECT prediction, at, version, error, part, sum FROM judged_answers ORDER BY at')
      .map((row) => {
        const [prediction, version] = [row.text('prediction'), row.text('version')]
        const [at, error] = [row.number('at'), row.number('error')]
        const what = `the judgement of ${prediction}`
        const part = row.textOrNull('part')
        const values = summedValues([prediction, at, version, error, part])
        checkRow(row, { path: this.#store.path, what }, ...values)
        const own = part === null ? {} : { part: JSON.parse(part) as JudgedPart }
        return { prediction, at, version, error, ...own }
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
      'INSERT OR REPLACE INTO served_versions (version, at, count, errors, parts, sum)',
      6,
      versions.map(({ version, at, count, errors, parts }) =>
        withSum([version, at, count, errors, parts ? JSON.stringify(parts) : null]),
      ),
    )
    insertRows(
      this.#store,
      'INSERT OR REPLACE INTO judged_answers (prediction, at, version, error, part, sum)',
      6,
      judgements.map(({ prediction, at, version, error, part }) =>
        withSum([prediction, at, version, error, part ? JSON.stringify(part) : null]),
      ),
    )
  }
}
