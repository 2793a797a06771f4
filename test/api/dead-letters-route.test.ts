import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

const path = '/v1/models/m/dead-letters'
const event = (id: string, label: string) => ({ id, input: { text: id }, label })

async function withLetters() {
  const served = await openServed()
  const events = [event('a', 'maybe'), event('b', 'perhaps'), { id: 'c', label: 'yes' }]
  await served.app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload: { events } })
  const list = async (query = '') =>
    (await served.app.inject(`${path}${query}`)).json<{
      dead_letters: { id: number; code: string; value: string; fix: string }[]
      counts: Record<string, number>
      next?: string
    }>()
  const post = async (verb: string, payload: object) =>
    served.app.inject({ method: 'POST', url: `${path}/${verb}`, payload })
  return { ...served, list, post }
}

test('dead letters are listed in pages, newest first, with reason, fix and what arrived', async () => {
  const { list } = await withLetters()
  const first = await list('?limit=2')
  expect(first.dead_letters).toMatchObject([
    { id: 3, code: 'EVENT_INVALID', fix: expect.stringMatching(/.{10}/) as string },
    { id: 2, code: 'LABEL_UNKNOWN', source: 'http', value: JSON.stringify(event('b', 'perhaps')) },
  ])
  expect(first.counts).toEqual({ EVENT_INVALID: 1, LABEL_UNKNOWN: 2 })
  const second = await list(`?limit=2&before=${first.next}`)
  expect(second.dead_letters.map(({ id }) => id)).toEqual([1])
  expect(second).not.toHaveProperty('next')
  expect((await list('?code=EVENT_INVALID')).dead_letters).toHaveLength(1)
})

test('a letter that is sent again once its cause is gone is feedback, and no letter any more', async () => {
  const { post, list, journal, known } = await withLetters()
  const still = (await post('resend', { all: true })).json<{
    resent: number
    rejected: unknown[]
  }>()
  expect(still).toMatchObject({ resent: 0, rejected: [{ id: 3 }, { id: 2 }, { id: 1 }] })
  expect((await list()).dead_letters).toHaveLength(3)
  known.push('maybe')
  expect((await post('resend', { code: 'LABEL_UNKNOWN' })).json()).toMatchObject({
    resent: 1,
    rejected: [{ id: 2, code: 'LABEL_UNKNOWN' }],
  })
  expect(journal()).toEqual([{ source: 'http', ...event('a', 'maybe') }])
  expect((await list()).dead_letters.map(({ id }) => id)).toEqual([3, 2])
})

test('letters are dropped by id, by code or all, and an unknown id is refused', async () => {
  const { post, list } = await withLetters()
  expect((await post('drop', { ids: [3] })).json()).toEqual({ dropped: 1 })
  expect((await post('drop', { ids: [3] })).json()).toMatchObject({ code: 'DEAD_LETTER_UNKNOWN' })
  expect((await post('drop', {})).json()).toMatchObject({ code: 'REQUEST_INVALID' })
  expect((await post('drop', { all: true })).json()).toEqual({ dropped: 2 })
  expect((await list()).counts).toEqual({})
})

test('a letter that is no text is shown as base64, a long one is cut in the list and whole by itself', async () => {
  const { app, list } = await withLetters()
  const send = async (payload: Buffer) =>
    app.inject({
      method: 'POST',
      url: '/v1/models/m/feedback',
      headers: { 'content-type': 'application/x-ndjson' },
      payload,
    })
  await send(Buffer.from([0xff, 0xfe]))
  await send(Buffer.from('x'.repeat(5000)))
  const { dead_letters: letters } = await list('?limit=2')
  expect(letters[0]).toMatchObject({ value: 'x'.repeat(1024), truncated: true, bytes: 5000 })
  expect(letters[1]).toMatchObject({ value_base64: '//4=' })
  const whole = (await app.inject(`${path}/${letters[0]!.id}`)).json<{ value: string }>()
  expect(whole.value).toHaveLength(5000)
})
