/** Writes letters to a disk that is too small for one of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileDeadLetterSink } from '../../dist/connectors/file/sink.js'

const path = join(process.argv[2], 'dead.jsonl')
const letter = (key, bytes) => ({
  key,
  code: 'EVENT_MALFORMED',
  reason: 'not JSON',
  connector: 'test',
  partition: '0',
  position: '7',
  value: new Uint8Array(bytes),
  timeMs: 1,
})
const sink = fileDeadLetterSink({ path })
await sink.write([letter('a', 10)])
const full = await sink.write([letter('b', 100_000)]).then(
  () => 'none',
  (error) => error.code,
)
await sink.write([letter('c', 10)])
await sink.close()
const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
console.log(JSON.stringify({ full, keys: lines.map((line) => JSON.parse(line).key) }))
