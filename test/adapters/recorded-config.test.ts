/** What is recorded of an adapter keeps its bytes, whatever its settings are called today. */
import { expect, test } from 'vitest'
import { configOfRecord, recordedConfig } from '../../src/adapters/recorded-config.ts'
import type { AdapterConfig } from '../../src/contracts/adapter.ts'
import { methods } from '../../src/plugins.ts'
import { adapterText } from '../../src/trainer/state.ts'

const config: AdapterConfig = {
  ...{ method: 'lora', rank: 2, alpha: 5, tail_layers: 1 },
  target_modules: ['query', 'value'],
  rslora: true,
}
/** As releases with the older name wrote it. */
const record =
  '{"method":"lora","rank":2,"alpha":5,"tail_layers":1,"sites":["query","value"],"rslora":true}'

test('target_modules are recorded as sites, in their place', () => {
  expect(JSON.stringify(recordedConfig(config))).toBe(record)
  expect(configOfRecord(JSON.parse(record) as AdapterConfig)).toEqual(config)
})

test('the identity of a checkpoint has the same text as before, from the config and from a record', () => {
  const text =
    '{"alpha":5,"method":"lora","rank":2,"rslora":true,"sites":["query","value"],"tail_layers":1}'
  expect(adapterText(config)).toBe(text)
  expect(adapterText(JSON.parse(record) as AdapterConfig)).toBe(text)
  const { target_modules: _, ...everywhere } = config
  expect(adapterText(everywhere)).toContain('"sites":null')
})

test('no setting of a method has the recorded name of another one', () => {
  for (const { settings } of Object.values(methods)) {
    const names = Object.keys(settings)
    const record = recordedConfig(Object.fromEntries(names.map((name) => [name, 1])) as never)
    expect(Object.keys(configOfRecord(record))).toEqual(names)
  }
})
