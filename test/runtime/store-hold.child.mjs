/** A new file in SQLite's first mode, held in a transaction for a while. */
import Database from 'libsql'
import { setTimeout as sleep } from 'node:timers/promises'

const [path, forMs] = process.argv.slice(2)
const database = new Database(path)
database.exec('BEGIN IMMEDIATE')
console.log('held')
await sleep(Number(forMs))
database.exec('COMMIT')
database.close()
