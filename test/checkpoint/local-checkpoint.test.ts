/** The files beside a checkpoint while it is copied or replaced. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { localCheckpoint } from '../../src/checkpoint/local-checkpoint.ts'
import { scratchFolder } from '../scratch-folder.ts'

test('copies that a killed process left are removed, and nothing else', async () => {
  const folder = scratchFolder()
  const left = ['copy-1', 'copy-1-wal', 'fetched-2', 'unusable-3'].map((end) => `state.db.${end}`)
  for (const name of [...left, 'inbox.db']) writeFileSync(join(folder, name), '')
  await localCheckpoint(join(folder, 'state.db')).snapshot(async () => Promise.resolve())
  expect(readdirSync(folder)).toEqual(['inbox.db', 'state.db.unusable-3'])
})

test('a copy in use stays while another one is made', async () => {
  const folder = scratchFolder()
  const checkpoint = localCheckpoint(join(folder, 'state.db'))
  const stop = new Error('seen enough')
  const fetching = checkpoint.replace(async (path) => {
    writeFileSync(path, '')
    await checkpoint.snapshot(async () => Promise.resolve())
    expect(readdirSync(folder).map((name) => join(folder, name))).toEqual([path])
    throw stop
  })
  await expect(fetching).rejects.toBe(stop)
  expect(readdirSync(folder)).toEqual([])
})
