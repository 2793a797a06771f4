import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

const inputs = { inputs: ['good'] }

test('feedback answers with a position and how many events the next update waits for', async () => {
  const { app } = await openServed()
  const post = async (text: string) => {
    const payload = { input: text, label: 'yes' }
    return (
      await app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload })
    ).json<object>()
  }
  expect(await post('good')).toMatchObject({ accepted: 1, position: '1' })
  expect(await post('fine')).toMatchObject({ accepted: 1, position: '2' })
  expect(await post('fine')).toMatchObject({ accepted: 0, duplicates: 1, position: '2' })
})

test('predict and the model wait until the trainer is through with a position', async () => {
  let looks = 0
  const asked: unknown[] = []
  const { app } = await openServed({
    reached(_model, position) {
      asked.push(position)
      looks += 1
      return looks % 3 === 0 ? 1 : undefined
    },
  })
  const url = '/v1/models/m/predict?wait_for=here:7'
  expect((await app.inject({ method: 'POST', url, payload: inputs })).statusCode).toBe(200)
  expect(looks).toBe(3)
  expect((await app.inject('/v1/models/m?wait_for=7')).statusCode).toBe(200)
  expect(looks).toBe(6)
  expect([asked[0], asked[5]]).toEqual([
    { replica: 'here', offset: 7 },
    { replica: undefined, offset: 7 },
  ])
})

test('a position that is not reached in time is a coded 504', async () => {
  const { app } = await openServed({ limits: { wait_for_ms: 0 }, reached: () => undefined })
  const response = await app.inject('/v1/models/m?wait_for=7')
  expect(response.statusCode).toBe(504)
  expect(response.json()).toMatchObject({
    code: 'POSITION_NOT_REACHED',
    position: '7',
    trainer: 'idle',
    lag: 3,
  })
})

test.each(['', 'x', '-1', '1:2:3', 'a b:1'])('the position "%s" is refused', async (position) => {
  const { app } = await openServed()
  const response = await app.inject(`/v1/models/m?wait_for=${encodeURIComponent(position)}`)
  expect(response.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})
