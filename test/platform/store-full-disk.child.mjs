/** Fills a small disk through the store; prints what the store said, and what is still there afterwards. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../dist/src/platform/store/store.js'

const folder = process.argv[2]
const migrations = ['CREATE TABLE item (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)']
const path = join(folder, 'full.db')
const store = openStore(path, { migrations })
const codes = new Set()
let kept = 0
const insert = () => {
  try {
    store.transaction(() =>
      store.run('INSERT INTO item (bytes) VALUES (?)', new Uint8Array(20_000)),
    )
    kept += 1
  } catch (error) {
    codes.add(error.code)
  }
}
mkdirSync(join(folder, 'other'))
writeFileSync(join(folder, 'other', 'ballast'), new Uint8Array(100_000))
for (let i = 0; i < 60; i += 1) insert()
const before = kept
rmSync(join(folder, 'other'), { recursive: true })
for (let i = 0; i < 3; i += 1) insert()
const counted = store.get('SELECT count(*) AS n FROM item').number('n')
const check = store.get('PRAGMA integrity_check').text('integrity_check')
store.close()
const again = openStore(path, { migrations }).get('SELECT count(*) AS n FROM item').number('n')
console.log(JSON.stringify({ codes: [...codes], before, kept, counted, again, check }))
