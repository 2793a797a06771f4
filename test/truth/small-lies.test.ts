/** Sentences and figures that said more than is so. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { label } from '../../src/payloads/signals/label.ts'
import { EvaluationService } from '../../src/serving/services/evaluation-service.ts'
import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'

const page = (path: string) =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8').replaceAll(/\s+/g, ' ')

test('an event with a weight that sums would round to nothing is refused by code, and the least that counts is not', () => {
  const read = (weight: number) =>
    parseEvent(
      new TextEncoder().encode(JSON.stringify({ input: 'a', label: 'b', weight })),
      defaultLimits,
      { source: 'desk', timeMs: 0, reads: [text], signals: [label] },
    )
  for (const weight of [1 / 2049, 1e-9, 0])
    expect(() => read(weight)).toThrow(
      expect.objectContaining({
        code: 'EVENT_INVALID',
        message: expect.stringContaining('1/2048') as string,
      }) as Error,
    )
  expect(read(1 / 2048)).toMatchObject({ weight: 1 / 2048 })
})

test('the score of independent labels is a share of each answer, and no accuracy of right and wrong ones', async () => {
  const task = openMultilabel({ known: ['a', 'b'], open: false, retired: [], renamed: {} } as never)
  const manifest = { version: 'v1', digest: 'd', facts: task.facts(task.start) }
  const service = new EvaluationService({
    ...{ model: 'm', task, limits: defaultLimits, trainer: { status: () => ({}) } },
    batcher: { run: async () => [] },
    live: { live: () => ({ manifest }), hold: async () => ({ manifest, release: () => 0 }) },
  } as never)
  const { report } = await service.evaluate({ rows: [], signal: new AbortController().signal })
  expect(report.measure).toBe('error')
})

test('the page of fleets says that one id through two shards is learned twice', () => {
  expect(page('deploy/fleet.md')).toContain('one id that comes through two shards is learned twice')
})

test('the README names the exception to the same bits under any load, and the header of closed forms that scale changes independent labels', () => {
  expect(page('README.md')).toMatch(/same bits under any load, but for texts behind a prompt/)
  expect(page('src/optim/heads/closed-form.ts')).toContain(
    'changes no answer but of independent labels',
  )
})
