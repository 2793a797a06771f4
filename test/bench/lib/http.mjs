/** HTTP as cheap as Node has it: kept-alive connections, JSON in and out, nothing else. */
import { Agent, request } from 'node:http'

export function openHttp(port, connections = 64) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const call = (method, path, payload) =>
    new Promise((resolve, reject) => {
      const headers = payload === undefined ? {} : jsonHeaders(payload)
      const sent = request(
        { port, host: '127.0.0.1', agent, method, path, headers },
        (response) => {
          const chunks = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            const { statusCode: status, headers: answered } = response
            const isJson = answered['content-type']?.includes('json') ?? false
            resolve({ status, headers: answered, body: isJson ? JSON.parse(text) : text })
          })
        },
      )
      sent.on('error', reject)
      sent.end(payload)
    })
  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, JSON.stringify(body)),
    close: () => agent.destroy(),
  }
}

function jsonHeaders(payload) {
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
}
