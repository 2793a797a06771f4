/**
 * The tables of a checkpoint as its migrations leave them, made in one step. To go through all of them takes four times as long,
 * and the simulations open thousands of checkpoints; the tests of the checkpoint itself go through them.
 */
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { openStore } from '../../src/platform/store/store.ts'

/** As many steps as there are migrations, so that the version of the file is the same: the first does it all. */
export const tablesAtOnce: readonly string[] = checkpointMigrations.map((_, at) =>
  at === 0 ? schemaOf(checkpointMigrations) : '',
)

function schemaOf(migrations: readonly string[]): string {
  const store = openStore(':memory:', { migrations })
  const rows = store.all(
    `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY rowid`,
  )
  store.close()
  return rows.map((row) => `${row.text('sql')};`).join('\n')
}
