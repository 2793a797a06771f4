import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  forget,
  isLeftover,
  renameSynced,
  replaceFile,
  writeTemporaryFolder,
} from '../../src/platform/store/atomic-file.ts'
import { canMountSmallDisk, runOnSmallDisk } from '../child.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test('a file is replaced whole and no temporary name stays', async () => {
  const path = join(scratchFolder(), 'a.json')
  await replaceFile(path, bytes('one'))
  await replaceFile(path, bytes('two'))
  expect(readFileSync(path, 'utf8')).toBe('two')
  expect(readdirSync(join(path, '..'))).toEqual(['a.json'])
})

test('a file that cannot be replaced is left as it was', async () => {
  const folder = scratchFolder()
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  expect((await rejection(replaceFile(join(folder, 'a'), bytes('x')))).code).toBe(
    'DATA_DIR_UNWRITABLE',
  )
  expect(readdirSync(folder)).toEqual(['a'])
})

test('of files that are written together one that fails leaves none of them', async () => {
  const folder = scratchFolder()
  const files = new Map([
    ['missing/a', bytes('1')],
    ['b', new Uint8Array(8 * 1024 * 1024)],
  ])
  const failed = await rejection(writeTemporaryFolder(join(folder, 'v1'), files))
  expect(failed.code).toBe('DATA_DIR_UNWRITABLE')
  expect(readdirSync(folder)).toEqual([])
})

test('a temporary folder holds every file before it gets its name', async () => {
  const path = join(scratchFolder(), 'v1')
  const files = new Map([
    ['a', bytes('1')],
    ['b', bytes('2')],
  ])
  const temporary = await writeTemporaryFolder(path, files)
  expect(readdirSync(temporary)).toEqual(['a', 'b'])
  renameSynced(temporary, path)
  await forget(temporary)
  expect(readdirSync(join(path, '..'))).toEqual(['v1'])
})

test('work in progress is no leftover, what was given up or left by the dead is', async () => {
  const folder = scratchFolder()
  const temporary = await writeTemporaryFolder(join(folder, 'v1'), new Map())
  expect(isLeftover(temporary)).toBe(false)
  await forget(temporary)
  expect(isLeftover(temporary)).toBe(true)
  expect(isLeftover(join(folder, '.tmp-4194305-1-v1'))).toBe(true)
  expect(isLeftover(join(folder, `.tmp-${process.ppid}-1-v1`))).toBe(false)
  expect(isLeftover(join(folder, 'v1'))).toBe(false)
})

test.skipIf(!canMountSmallDisk)('on a full disk the file before stays, readable', () => {
  const disk = join(scratchFolder(), 'disk')
  const printed = runOnSmallDisk(disk, 64, './atomic-full-disk.child.mjs', import.meta.url)
  expect(JSON.parse(printed)).toEqual({
    file: 'DISK_FULL',
    folder: 'DISK_FULL',
    kept: 'before',
    names: ['a'],
  })
})
