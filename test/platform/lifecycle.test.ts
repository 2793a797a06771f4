import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import { openLifecycle, type ProcessEvents } from '../../src/platform/lifecycle.ts'

const quiet: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => quiet,
}

function open(deadlineMs = 10_000) {
  const host = Object.assign(new EventEmitter(), {
    codes: [] as number[],
    exit(code: number) {
      host.codes.push(code)
      host.emit('exited')
    },
  }) satisfies ProcessEvents
  return { host, lifecycle: openLifecycle({ log: quiet, deadlineMs, process: host }) }
}

test('what was started last is stopped first, one after the other', async () => {
  const { host, lifecycle } = open()
  const order: string[] = []
  lifecycle.onStop('store', () => void order.push('store'))
  lifecycle.onStop('server', async () => {
    order.push('server begins')
    await new Promise((resolve) => setTimeout(resolve, 5))
    order.push('server ends')
  })
  host.emit('SIGTERM')
  await once(host, 'exited')
  expect(order).toEqual(['server begins', 'server ends', 'store'])
  expect(host.codes).toEqual([0])
})

test('the signal of the lifecycle is aborted before the first step runs', async () => {
  const { lifecycle } = open()
  let seen = false
  lifecycle.onStop('loop', () => {
    seen = lifecycle.signal.aborted
  })
  expect(lifecycle.signal.aborted).toBe(false)
  await lifecycle.stop('asked')
  expect(seen).toBe(true)
})

test('a step that fails does not keep the others from stopping, and shows in the exit code', async () => {
  const { lifecycle } = open()
  let isStoreClosed = false
  lifecycle.onStop('store', () => {
    isStoreClosed = true
  })
  lifecycle.onStop('server', () => {
    throw new Error('port gone')
  })
  expect(await lifecycle.stop('asked')).toBe(70)
  expect(isStoreClosed).toBe(true)
})

test('stopping twice stops once', async () => {
  const { lifecycle } = open()
  let times = 0
  lifecycle.onStop('server', () => void (times += 1))
  await Promise.all([lifecycle.stop('one'), lifecycle.stop('two')])
  expect(times).toBe(1)
})

test('a step that never ends is given up at the deadline', async () => {
  const { lifecycle } = open(20)
  lifecycle.onStop('stuck', () => new Promise(() => {}))
  expect(await lifecycle.stop('asked')).toBe(75)
})

test('a second signal ends at once, while a step is still stopping', () => {
  const { host, lifecycle } = open()
  lifecycle.onStop('stuck', () => new Promise(() => {}))
  host.emit('SIGTERM')
  expect(host.codes).toEqual([])
  host.emit('SIGINT')
  expect(host.codes).toEqual([130])
})

test.each(['uncaughtException', 'unhandledRejection'])('%s ends the process with 70', (event) => {
  const { host } = open()
  host.emit(event, new Error('a defect'))
  expect(host.codes).toEqual([70])
})

const builtModule = (name: string) =>
  new URL(`../../dist/src/platform/${name}.js`, import.meta.url).href

/** A real process: signals and faults are Node's, not ours. */
async function runProcess(body: string, signal?: NodeJS.Signals) {
  const program = `
    const { openLifecycle } = await import('${builtModule('lifecycle')}')
    const { openLog } = await import('${builtModule('log')}')
    const lifecycle = openLifecycle({ log: openLog({ format: 'json' }), deadlineMs: 5000 })
    lifecycle.onStop('last', () => console.log('saved'))
    setInterval(() => {}, 1000)
    ${body}
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program])
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    if (signal && output.includes('ready') && !child.killed) child.kill(signal)
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a process that gets %s saves and exits 0',
  async (signal) => {
    expect(await runProcess('', signal)).toEqual({ code: 0, output: 'ready\nsaved\n' })
  },
)

test('a process with a fault that nobody caught exits 70 and runs no stop function', async () => {
  const { code, output } = await runProcess('Promise.reject(new Error("a defect"))')
  expect(code).toBe(70)
  expect(output).not.toContain('saved')
})

test('SIGHUP reads the configuration again where something does, one time after the other', async () => {
  const { host, lifecycle } = open()
  const order: string[] = []
  lifecycle.onReload(async () => {
    order.push('begins')
    await Promise.resolve()
    order.push('ends')
  })
  host.emit('SIGHUP')
  host.emit('SIGHUP')
  while (order.length < 4) await new Promise(setImmediate)
  expect(order).toEqual(['begins', 'ends', 'begins', 'ends'])
  expect(host.codes).toEqual([])
})

test('SIGHUP ends in order where nothing reads a configuration', async () => {
  const { host, lifecycle } = open()
  let isStopped = false
  lifecycle.onStop('store', () => {
    isStopped = true
  })
  host.emit('SIGHUP')
  await once(host, 'exited')
  expect([isStopped, host.codes]).toEqual([true, [0]])
})
