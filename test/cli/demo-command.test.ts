import { resolve } from 'node:path'
import { expect, test, vi } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'

const demonstrate = vi.hoisted(() => vi.fn(async () => Promise.resolve()))
vi.mock('../../src/cli/demo/demonstrate.ts', () => ({ demonstrate }))

test('a relative data folder of the demo is one below the working folder', async () => {
  await createProgram().parseAsync(['node', 'antikythera', 'demo', '--data-dir', 'kept'])
  expect(demonstrate).toHaveBeenCalledWith(expect.objectContaining({ dataDir: resolve('kept') }))
})
