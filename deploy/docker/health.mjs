/** For HEALTHCHECK, which has no curl: whether the process answers. Not whether it is ready: a restart would not fix that. */
const port = process.env.ANTIKYTHERA_SERVER__PORT ?? '8080'

try {
  const answer = await fetch(`http://127.0.0.1:${port}/livez`, {
    signal: AbortSignal.timeout(2000),
  })
  process.exitCode = answer.ok ? 0 : 1
} catch {
  process.exitCode = 1
}
