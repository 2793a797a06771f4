/** The fallback computes the same: only slower. A file of its own, because a process has one engine. */
import { expect, test } from 'vitest'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { opBattery } from './op-battery.ts'

process.env.ANTIKYTHERA_NATIVE = 'wasm'
const { tf, backend } = await openTensorFlow()

test('this is the fallback', () => {
  expect(backend).toBe('wasm')
})
opBattery(tf)
