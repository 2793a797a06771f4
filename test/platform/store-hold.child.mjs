/** A new file in SQLite's first mode, held in a transaction until a while after it is told to let go. */
import Database from 'libsql'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const [path, forMs] = process.argv.slice(2)
const database = new Database(path)
database.exec('BEGIN IMMEDIATE')
console.log('held')
await once(process.stdin, 'data')
await sleep(Number(forMs))
database.exec('COMMIT')
database.close()
process.exit()
