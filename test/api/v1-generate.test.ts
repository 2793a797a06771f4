/** Texts through the predict route. */
import { expect, test } from 'vitest'
import type { SchedulerLimits } from '../../src/serving/engine/decode-scheduler.ts'
import { openFakeWriting } from '../serving/fake-writing.ts'
import { openServed } from './open-served.ts'

async function openWriting(limits: Partial<SchedulerLimits> = {}) {
  const { task } = openFakeWriting({} as never)
  let writing: ReturnType<typeof openFakeWriting> | undefined
  const opened = await openServed({
    task,
    texts: ({ clock, metrics, served }) => {
      writing = openFakeWriting({ clock, metrics }, limits)
      let ids = 0
      return {
        ...writing,
        predictions: { record: (more) => void served.push(...more) },
        predictionId: () => `p-${(ids += 1)}`,
      }
    },
  })
  const predict = async (payload: object) =>
    opened.app.inject({ method: 'POST', url: '/v1/models/m/predict', payload })
  return { ...opened, ...writing!, predict }
}

test('a text for each input, with its tokens counted, from the version that the answer names', async () => {
  const { predict, served } = await openWriting()
  const answer = await predict({
    inputs: ['hi', 'end'],
    generate: { max_tokens: 3, temperature: 0, stop: ['z'], seed: 1, top_p: 0.5 },
  })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toMatchObject({
    ...{ model: 'm', version: 'v1', generation: 2 },
    predictions: [
      {
        ...{ id: 'p-1', text: 'abc', finish_reason: 'length' },
        usage: { prompt_tokens: 2, completion_tokens: 3 },
      },
      { id: 'p-2', text: '1', finish_reason: 'stop' },
    ],
  })
  expect(served.map(({ id }) => id).sort()).toEqual(['p-1', 'p-2'])
})

test('what asks for too much is refused, and a full queue says when to come again', async () => {
  const { predict, decoder } = await openWriting({ generation_queue: 1 })
  const tooMany = await predict({ inputs: ['hi'], generate: { max_tokens: 100_000 } })
  expect([tooMany.statusCode, tooMany.json<{ code: string }>().code]).toEqual([
    400,
    'REQUEST_INVALID',
  ])
  decoder.hold()
  const full = await predict({ inputs: ['hi', 'hi'] })
  expect([full.statusCode, full.json<{ code: string }>().code]).toEqual([429, 'QUEUE_FULL'])
  expect(Number(full.headers['retry-after'])).toBeGreaterThan(0)
  await decoder.finish(2)
})

test('a shadow of a model that writes is refused, and a canary is not', async () => {
  const { app } = await openWriting()
  const trial = async (kind: string, more: object) =>
    app.inject({
      ...{ method: 'POST', url: `/v1/models/m/${kind}` },
      payload: { version: 'v3', reason: 'try it', ...more },
    })
  const shadow = await trial('shadow', {})
  expect([shadow.statusCode, shadow.json<{ code: string }>().code]).toEqual([
    400,
    'REQUEST_INVALID',
  ])
  expect((await trial('canary', { share: 0.5 })).statusCode).toBe(200)
})

test('a model that does not write refuses to be asked how', async () => {
  const { app } = await openServed()
  const payload = { inputs: ['hi'], generate: { temperature: 0 } }
  const answer = await app.inject({ method: 'POST', url: '/v1/models/m/predict', payload })
  expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
    400,
    'REQUEST_INVALID',
  ])
})
