import { expect, test } from 'vitest'
import type { OrtPool } from '../../src/nn/onnx/pool.ts'
import { LoadedAdapters, type PreparedAdapter } from '../../src/serving/engine/engine-adapter.ts'

/** Workers that take messages in order, as those of a pool do; a load goes on when its `hold` is answered. */
function open() {
  const held = new Set<string>()
  const answers: (() => void)[] = []
  const pool = {
    addSession: async () => Promise.resolve(),
    async hold(key: string) {
      held.add(key)
      await new Promise<void>((resolve) => answers.push(resolve))
    },
    drop: (key: string) => void held.delete(key),
  } as Partial<OrtPool> as OrtPool
  const graph = { key: 'graph', model: () => new Uint8Array() }
  const adapter = { graph, family: 'family', tensors: {} } as unknown as PreparedAdapter
  const loaded = new LoadedAdapters(pool)
  const load = async (warm = async () => Promise.resolve()) => {
    const loading = loaded.load('digest', adapter, warm)
    const before = answers.length
    while (answers.length === before) await Promise.resolve()
    return { loading, answer: answers.at(-1)! }
  }
  return { held, loaded, load }
}

test('an adapter stays with the workers if its last holder goes while another load of it is under way', async () => {
  const { held, loaded, load } = open()
  const first = await load()
  first.answer()
  await first.loading
  const second = await load()
  loaded.unload('digest')
  second.answer()
  await second.loading
  expect([...held]).toEqual(['digest'])
  loaded.unload('digest')
  expect([...held]).toEqual([])
})

test('a load that fails takes nothing from another one of the same adapter', async () => {
  const { held, load } = open()
  const failing = await load(async () => Promise.reject(new Error('its first run failed')))
  const other = await load()
  failing.answer()
  await expect(failing.loading).rejects.toThrow('its first run failed')
  other.answer()
  await other.loading
  expect([...held]).toEqual(['digest'])
})

test('a load that fails leaves nothing with the workers', async () => {
  const { held, load } = open()
  const { loading, answer } = await load(async () => Promise.reject(new Error('no')))
  answer()
  await expect(loading).rejects.toThrow('no')
  expect([...held]).toEqual([])
})
