/** Replaces a file and writes a folder on a disk that is too small for either. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile, writeTemporaryFolder } from '../../dist/src/platform/store/atomic-file.js'

const folder = process.argv[2]
const codeOf = (work) =>
  work.then(
    () => 'none',
    (error) => error.code,
  )
const path = join(folder, 'a')
await replaceFile(path, new TextEncoder().encode('before'))
const big = new Uint8Array(1_000_000)
const file = await codeOf(replaceFile(path, big))
const whole = await codeOf(writeTemporaryFolder(join(folder, 'v1'), new Map([['b', big]])))
const kept = readFileSync(path, 'utf8')
console.log(JSON.stringify({ file, folder: whole, kept, names: readdirSync(folder) }))
