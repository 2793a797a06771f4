/** A user's program that says what answers are worth: what it is given, and every way in which it can fail. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { RewardProgram } from '../../src/serving/services/generation/reward-program.ts'
import { rejection } from '../coded.ts'

const folder = mkdtempSync(join(tmpdir(), 'antikythera-reward-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0

async function using<Outcome>(
  text: string,
  timeoutMs: number,
  work: (program: RewardProgram) => Promise<Outcome>,
): Promise<Outcome> {
  const path = join(folder, `check-${(files += 1)}.mjs`)
  writeFileSync(path, text)
  const program = new RewardProgram({ program: path, timeoutMs })
  try {
    return await work(program)
  } finally {
    await program.close()
  }
}

const judged = (answer: string, facts: null | string | number = null) => ({
  ...{ input: { text: 'How many?' }, answer, facts },
  finish_reason: 'stop' as const,
})

const PATIENT = 60_000

test('is given each answer with its input and the facts of the request', async () => {
  const text = `export default async ({ input, answer, finish_reason, facts }) =>
    input.text === 'How many?' && finish_reason === 'stop' && answer === String(facts) ? 1 : 0.25`
  const rewards = await using(text, PATIENT, async (program) =>
    program.worth([judged('7', 7), judged('8', 7), judged('8', 8)]),
  )
  expect(rewards).toEqual([1, 0.25, 1])
})

test('answers several requests at once, each with its own rewards', async () => {
  const text = `export default ({ answer }) => new Promise((resolve) => {
    setImmediate(() => resolve(Number(answer)))
  })`
  const rewards = await using(text, PATIENT, async (program) =>
    Promise.all(['0', '0.5', '1'].map(async (answer) => program.worth([judged(answer)]))),
  )
  expect(rewards).toEqual([[0], [0.5], [1]])
})

describe('says REWARD_FAILED where it', () => {
  test.each<[string, string, string]>([
    ['has no default export', 'export const reward = 1', 'no function'],
    ['is no module', 'export default (', 'Unexpected'],
    ['throws', 'export default () => { throw new Error("no such key") }', 'no such key'],
    ['throws a text', 'export default () => { throw "no key" }', 'no key'],
    ['throws a text while it is loaded', 'throw "no key"', 'no key'],
    [
      'throws nothing',
      'export default () => { setImmediate(() => { throw null }); return new Promise(() => {}) }',
      'null',
    ],
    ['returns NaN', 'export default () => NaN', 'returned NaN, not a number from 0 to 1'],
    ['returns too much', 'export default () => 100', 'returned 100, not a number from 0 to 1'],
    ['returns nothing', 'export default () => {}', 'returned undefined'],
    ['ends its thread', 'export default () => process.exit(3)', 'with code 3'],
    [
      'eats memory',
      'export default () => { const all = []; for (;;) all.push(new Array(1e6).fill(1)) }',
      '256 MiB',
    ],
  ])('%s', async (_, text, message) => {
    const error = await using(text, PATIENT, async (program) =>
      rejection(program.worth([judged('')])),
    )
    expect(error.code).toBe('REWARD_FAILED')
    expect(error.message).toContain(message)
  })

  test.each([
    ['hangs', 'export default () => { for (;;); }'],
    ['never answers', 'export default () => new Promise(() => {})'],
    ['loads for ever', 'for (;;);'],
  ])('%s', async (_, text) => {
    const error = await using(text, 300, async (program) => rejection(program.worth([judged('')])))
    expect(error.message).toContain('did not answer within 300 ms')
  })

  test('does not exist', async () => {
    const program = new RewardProgram({ program: join(folder, 'none.mjs'), timeoutMs: PATIENT })
    expect((await rejection(program.load())).message).toContain('none.mjs')
  })
})

test('is opened again after it failed', async () => {
  const text = `export default ({ answer }) => (answer === 'exit' ? process.exit(1) : 0.5)`
  await using(text, PATIENT, async (program) => {
    for (let time = 0; time < 2; time += 1) {
      expect((await rejection(program.worth([judged('exit')]))).code).toBe('REWARD_FAILED')
      expect(await program.worth([judged('fine')])).toEqual([0.5])
    }
  })
})
