import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished, expect, test } from 'vitest'
import type { Clock } from '../../src/contracts/core.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { acquireLock } from '../../src/platform/store/lock.ts'
import { ended, firstLine, startChild } from '../child.ts'
import { rejection } from '../coded.ts'
import { scratchFolder } from '../scratch-folder.ts'

const atOnce = { clock: systemClock, waitMs: 0 }

function holder(path: string) {
  const child = startChild('./lock.child.mjs', import.meta.url, path)
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('a second holder is refused with the pid of the first', async () => {
  const path = join(scratchFolder(), 'data', 'daemon.lock')
  const child = holder(path)
  expect(await firstLine(child)).toBe('locked')
  const error = await rejection(acquireLock(path, atOnce))
  expect([error.code, error.retriable]).toEqual(['DATA_DIR_LOCKED', true])
  expect(error.details).toMatchObject({ pid: child.pid })
  expect(error.message).toContain(`process ${child.pid}`)
})

test('kill -9 of the holder frees the lock', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  const child = holder(path)
  await firstLine(child)
  child.kill('SIGKILL')
  await ended(child)
  const lock = await acquireLock(path, atOnce)
  lock.release()
})

test('a lock that is released while another waits goes to the one that waits', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  const lock = await acquireLock(path, atOnce)
  const child = holder(path)
  const locked = firstLine(child)
  await systemClock.sleep(100)
  lock.release()
  lock.release()
  expect(await locked).toBe('locked')
  expect((await rejection(acquireLock(path, atOnce))).details).toMatchObject({ pid: child.pid })
  child.stdin?.end()
  await ended(child)
  ;(await acquireLock(path, atOnce)).release()
})

test('one process cannot take the same lock twice, and can take it again after a release', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  const lock = await acquireLock(path, atOnce)
  expect((await rejection(acquireLock(path, atOnce))).details).toMatchObject({ pid: process.pid })
  lock.release()
  ;(await acquireLock(path, atOnce)).release()
})

test('it asks again until the wait is over, by the clock that it was given', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  const lock = await acquireLock(path, atOnce)
  let nowMs = 0
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async (delayMs) => void (nowMs += delayMs),
  }
  await rejection(acquireLock(path, { clock, waitMs: 1_020 }))
  expect(nowMs).toBe(1_020)
  lock.release()
})

test('an aborted wait ends with the reason of the signal', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  const lock = await acquireLock(path, atOnce)
  const signal = AbortSignal.abort(new Error('stop'))
  await expect(acquireLock(path, { ...atOnce, waitMs: 9_000, signal })).rejects.toThrow('stop')
  lock.release()
})

test('a folder that cannot be made is named as unwritable', async () => {
  const file = join(scratchFolder(), 'file')
  writeFileSync(file, '')
  const error = await rejection(acquireLock(join(file, 'daemon.lock'), atOnce))
  expect(error.code).toBe('DATA_DIR_UNWRITABLE')
})

test('a lock whose holder cannot be noted is given back', async () => {
  const path = join(scratchFolder(), 'daemon.lock')
  mkdirSync(`${path}.pid`)
  expect((await rejection(acquireLock(path, atOnce))).code).toBe('DATA_DIR_UNWRITABLE')
  rmdirSync(`${path}.pid`)
  ;(await acquireLock(path, atOnce)).release()
})
