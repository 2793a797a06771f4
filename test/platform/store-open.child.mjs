/** Opens a store at the same moment as its siblings and adds rows to it. */
import { openStore } from '../../dist/src/platform/store/store.js'

const [path, startMs, rows] = process.argv.slice(2)
const migrations = ['CREATE TABLE item (id INTEGER PRIMARY KEY)', 'CREATE TABLE other (id INTEGER)']
while (Date.now() < Number(startMs)) {
  // Spin: a timer would spread the starts.
}
// Who comes first is not fair, and the disk may be slow.
const store = openStore(path, { migrations, busyTimeoutMs: 60_000 })
for (let i = 0; i < Number(rows); i += 1)
  store.transaction(() => store.run('INSERT INTO item DEFAULT VALUES'))
store.close()
console.log('done')
