/** Whether the daemon could listen where its config says, or already does. */
import { createServer } from 'node:net'
import { failed, ok, type Check, type Place } from './check.ts'

export const addressCheck: Check = {
  name: 'address',
  async run(place) {
    const { host, port } = place
    const reason = await bindError(place)
    if (reason === undefined) return ok(`${host}:${port} is free`)
    if (reason === 'EADDRINUSE') {
      return (await isOurs(place))
        ? ok(`an antikythera daemon listens on ${host}:${port}`)
        : failed(`another program uses ${host}:${port}`, 'stop it, or choose another server.port')
    }
    const fix =
      reason === 'EACCES'
        ? 'choose a server.port above 1023'
        : 'choose a server.host of this machine'
    return failed(`${host}:${port}: ${reason}`, fix)
  },
}

async function bindError({ host, port }: Place): Promise<string | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message)
    })
    server.listen(port, host, () => {
      server.close(() => {
        resolve(undefined)
      })
    })
  })
}

async function isOurs({ host, port }: Place): Promise<boolean> {
  const name = host.includes(':') ? `[${host}]` : host
  try {
    const answer = await fetch(`http://${name}:${port}/livez`, {
      signal: AbortSignal.timeout(2000),
    })
    return JSON.stringify(await answer.json()) === '{"alive":true}'
  } catch {
    return false
  }
}
