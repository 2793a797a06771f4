/** What lies in a folder to import may be anything: what is no file is refused, and never read. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPeftFiles } from '../../src/versions/import/files.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const names = ['adapter_config.json', 'adapter_model.safetensors']

test.each<[string, (path: string) => unknown]>([
  ['a folder', (path) => mkdirSync(path)],
  ['a pipe', (path) => execFileSync('mkfifo', [path])],
])('%s in place of a file is refused by its name', async (_what, make) => {
  for (const name of names) {
    const folder = scratchFolder()
    for (const each of names) writeFileSync(join(folder, each), '{}')
    rmSync(join(folder, name))
    make(join(folder, name))
    const error = await rejection(readPeftFiles(folder))
    expect(error.code).toBe('IMPORT_REFUSED')
    expect(error.message).toContain(`a folder with a file ${name}`)
  }
})
