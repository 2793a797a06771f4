/** A press of "Execute" in /docs must not end in an error. */
import { expect, test } from 'vitest'
import { openTask, exampleOf } from '../../src/config/model-parts.ts'
import { parseConfig } from '../../src/config/config.ts'
import type { InputKind } from '../../src/contracts/payload.ts'
import { messages } from '../../src/payloads/inputs/messages.ts'
import { openServed } from './open-served.ts'

interface Operation {
  readonly parameters?: readonly { in: string; name: string; example?: string }[]
  readonly requestBody?: { content: Readonly<Record<string, { example?: object }>> }
}

async function requests() {
  const served = await openServed({ example: { input: 'so good', says: { label: 'yes' } } })
  const letter = { id: 'x', input: 'x', label: 'unheard of' }
  await served.app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload: letter })
  const { paths } = (await served.app.inject('/openapi.json')).json<{
    paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }>()
  const found = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
        const parameter = operation.parameters?.find((each) => each.name === name)
        return String(parameter?.example)
      })
      const payload = operation.requestBody?.content['application/json']?.example
      return { name: `${method} ${path}`, method, url, payload }
    }),
  )
  return { ...served, found }
}

test('every request that /docs offers succeeds when it is sent as it stands', async () => {
  const { app, found } = await requests()
  const failed: string[] = []
  for (const { name, method, url, payload } of found) {
    const options = { method: method.toUpperCase() as 'GET' | 'POST', url }
    const { statusCode, body } = await app.inject(payload ? { ...options, payload } : options)
    // Nothing has become of any event where no trainer reads them.
    if (statusCode === 404 && body.includes('FEEDBACK_UNKNOWN')) continue
    // Its task is another.
    if (statusCode === 400 && body.includes('does not rank')) continue
    // What a made-up server cannot answer is no fault of the request.
    if ([400, 404, 405, 413, 415, 422, 500].includes(statusCode))
      failed.push(`${name}: ${statusCode} ${body}`)
  }
  expect(failed).toEqual([])
  expect(found.length).toBeGreaterThan(15)
})

test('the example is one that the model takes: by name where features have names, else a vector', () => {
  const model = (text: string, reads?: readonly InputKind[]) => {
    const config = parseConfig(`models: { m: { ${text} } }`, '/')
    const task = openTask(config.models.m!, config.limits)
    return exampleOf(config.models.m!, task, undefined, reads)
  }
  expect(model('labels: [no, yes]')).toEqual({
    input: 'what a lovely phone',
    says: { label: 'no' },
  })
  const talks: readonly InputKind[] = [messages]
  expect(model('labels: [no, yes]', talks).input).toEqual({ messages: messages.example })
  expect(model('labels: { open: true }').says).toEqual({ label: 'positive' })
  expect(model('base: { features: { size: 2 } }, labels: [a, b]').input).toEqual({
    features: [0.5, 0.5],
  })
  expect(model('base: { features: { size: 4, names: [age] } }, labels: [a, b]').input).toEqual({
    features: { age: 0.5 },
  })
  const schema = '{ age: number, open: boolean, vendor: { type: category } }'
  expect(model(`base: { features: { schema: ${schema} } }, labels: [a, b]`).input).toEqual({
    features: { age: 0.5, open: true, vendor: 'acme' },
  })
})
