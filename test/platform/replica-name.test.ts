import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/config.ts'
import { replicaName } from '../../src/platform/replica-name.ts'
import { thrown } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

test('a daemon without a name gets one that stays with its folder', async () => {
  const data_dir = scratchFolder()
  const name = await replicaName({ data_dir, role: 'all' })
  expect(name).toMatch(/^r-[0-9a-f]{12}$/)
  expect(await replicaName({ data_dir, role: 'server' })).toBe(name)
  expect(await replicaName({ data_dir: scratchFolder(), role: 'all' })).not.toBe(name)
})

test('a trainer that shares the folder of a server has another name', async () => {
  const data_dir = scratchFolder()
  const names = [
    await replicaName({ data_dir, role: 'server' }),
    await replicaName({ data_dir, role: 'trainer' }),
  ]
  expect(new Set(names).size).toBe(2)
})

test('the word of the config wins, and must be a name', async () => {
  const data_dir = scratchFolder()
  expect(await replicaName({ data_dir, role: 'all', replica: 'here' })).toBe('here')
  const config = 'replica: Not A Name\nmodels: { m: { labels: [a, b] } }'
  expect(thrown(() => parseConfig(config, '/'))).toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a file that holds no name is replaced', async () => {
  const data_dir = scratchFolder()
  writeFileSync(join(data_dir, 'replica-id'), 'torn \0')
  const name = await replicaName({ data_dir, role: 'all' })
  expect(name).toMatch(/^r-/)
  expect(await replicaName({ data_dir, role: 'all' })).toBe(name)
})
