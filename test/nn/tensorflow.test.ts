import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'

test('the native engine opens and names its libtensorflow', async () => {
  const { tf, backend, version, reason } = await openTensorFlow()
  expect(backend).toBe('tensorflow')
  expect(version).toMatch(/^\d+\.\d+/)
  expect(reason).toContain(version)
  expect(tf.getBackend()).toBe('tensorflow')
})

test('opening twice gives the same engine', async () => {
  const first = await openTensorFlow()
  const second = await openTensorFlow()
  expect(second.tf).toBe(first.tf)
})

test('ANTIKYTHERA_NATIVE=wasm opens the WebAssembly engine, says why, and computes a gradient', () => {
  const opened = inChild(
    `const { tf, backend, version, reason } = await openTensorFlow()
     const slope = tf.grad((x) => tf.sum(tf.mul(x, x)))(tf.tensor([3]))
     console.log(JSON.stringify({ backend, version, reason, slope: [...slope.dataSync()] }))`,
    { ANTIKYTHERA_NATIVE: 'wasm' },
  )
  expect(opened).toMatchObject({ backend: 'wasm', slope: [6] })
  expect(opened.version).toMatch(/^\d+\.\d+/)
  expect(opened.reason).toContain('ANTIKYTHERA_NATIVE=wasm')
})

test('a native addon that does not load falls back to WebAssembly with the cause in the reason', () => {
  const opened = inChild(
    `const { Module } = await import('node:module')
     const load = Module._load
     Module._load = (name, ...rest) => {
       if (name === '@tensorflow/tfjs-node') throw new Error('libtensorflow is missing')
       return load(name, ...rest)
     }
     const { backend, reason } = await openTensorFlow()
     console.log(JSON.stringify({ backend, reason }))`,
  )
  expect(opened.backend).toBe('wasm')
  expect(opened.reason).toContain('libtensorflow is missing')
})

function inChild(body: string, env: Record<string, string> = {}): Record<string, unknown> {
  const script = `import { openTensorFlow } from ${JSON.stringify(built)}\n${body}`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  return JSON.parse(output) as Record<string, unknown>
}

const built = new URL('../../dist/src/nn/tfjs/tensorflow.js', import.meta.url).href
