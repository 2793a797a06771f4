/** `quarantine` reaches the routes that it names, with what selects the events. */
import { expect, test } from 'vitest'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { runCli } from './run-cli.ts'

async function asked(...words: readonly string[]) {
  const requests: { readonly line: string; readonly body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      requests.push({ line: `${request.method} ${request.url}`, body })
      const { method } = request
      response.writeHead(method === 'GET' ? 200 : 202, { 'content-type': 'application/json' })
      const entry = { source: 'scraper', id: 'e-1', label: 'no', why: 'hostile' }
      const list = { count: 1, quarantine: [entry], distrusted: [{ source: 'scraper', trust: 0 }] }
      response.end(JSON.stringify(method === 'GET' ? list : { events: 2, generation: 5 }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { stdout } = await runCli('quarantine', ...words, '--model', 'toy', '--url', url)
    return { stdout, requests }
  } finally {
    server.close()
  }
}

test('list shows why each is there, and the sources that weigh less', async () => {
  const { stdout, requests } = await asked('list')
  expect(requests[0]!.line).toMatch(/^GET \/v1\/models\/toy\/quarantine\?/)
  expect(stdout).toMatch(/scraper +e-1 +no +- +hostile/)
  expect(stdout).toContain('source scraper weighs 0.00')
})

test.each(['release', 'drop'])('%s sends what it selects', async (by) => {
  const { stdout, requests } = await asked(by, '--source', 'scraper', '--id', 'e-1')
  expect(requests[0]!.line).toBe(`POST /v1/models/toy/quarantine/${by}`)
  expect(JSON.parse(requests[0]!.body)).toEqual({ source: 'scraper', id: 'e-1' })
  expect(stdout).toContain(`2 events will be ${by === 'release' ? 'learned' : 'dropped'}`)
})
