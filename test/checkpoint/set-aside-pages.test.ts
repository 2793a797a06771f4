/** Set-aside events from the file that a trainer writes, as another process reads it. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { openSetAsidePages } from '../../src/checkpoint/set-aside-pages.ts'
import { bytesOf } from '../../src/checkpoint/tables/rows.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { identified } from '../example-key.ts'
import { scratchFolder } from '../scratch-folder.ts'

test('a command counts the events that it takes, without those that a person has asked to learn', () => {
  const path = join(scratchFolder(), 'state.db')
  const store = openStore(path, { migrations: checkpointMigrations })
  onTestFinished(() => store.close())
  for (const [at, id, due] of [
    [1, 'a', 1],
    [2, 'b', 0],
    [3, 'c', 0],
  ] as const) {
    const key = bytesOf(identified('desk', id).key)
    const insert = `INSERT INTO held (state, at, key, whence, due) VALUES ('set_aside', ?, ?, ?, ?)`
    store.run(insert, at, key, 'undone', due)
  }
  const pages = openSetAsidePages(path, { selected: () => undefined })
  expect(pages.count({ source: 'desk' })).toBe(2)
  expect(pages.count({ id: 'a' })).toBe(0)
  const ofStratum = openSetAsidePages(path, { selected: () => 'no label has this: \0' })
  expect(ofStratum.count({ source: 'desk' })).toBe(0)
  expect(pages.page({ limit: 9 })).toMatchObject({ count: 3 })
})
