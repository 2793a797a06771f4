/**
 * A real S3 server for tests: moto's, in a process of its own. Where set-up has not fetched it, tests that need it are skipped
 * with that reason, which test/run.mjs tells loudly and counts as a failure with CI=true.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished, type TestContext } from 'vitest'
import { motoPython } from '../../deploy/bootstrap/python-venv.mjs'
import { freePort } from '../../src/cli/services/own-process.ts'
import type { S3Options } from '../../src/platform/s3/s3.ts'

export const s3IsInstalled = motoPython() !== undefined

/** First line of a test that needs S3. In a hook, ask `s3IsInstalled`. */
export function needsS3(context: TestContext): void {
  if (!s3IsInstalled)
    context.skip('the S3 server of moto is not installed (node deploy/bootstrap/main.mjs --all)')
}

export interface S3Server {
  readonly url: string
  readonly pid: number
  /** How a client finds its bucket; any keys are good until `guard`. */
  options(changes?: Partial<S3Options>): S3Options
  /** From now on only the keys that this answers with are good. */
  guard(): Promise<{ readonly access: string; readonly secret: string }>
  stop(): Promise<void>
}

const BUCKET = 'antikythera-test'

/** The caller stops it: in `afterAll`, or by `s3ForTest` at the end of the test. */
export async function startS3(): Promise<S3Server> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)]
  const child = spawn(motoPython() ?? 'python3', args, { stdio: 'ignore' })
  await answering(url, child)
  await fetch(`${url}/${BUCKET}`, { method: 'PUT' })
  return {
    url,
    pid: child.pid ?? 0,
    options: (changes) => ({
      bucket: BUCKET,
      region: 'us-east-1',
      endpoint: url,
      pathStyle: true,
      keys: { access: 'test', secret: 'test-secret' },
      ...changes,
    }),
    guard: async () => guard(url),
    stop: async () => stop(child),
  }
}

/** One that is gone when the test has finished. */
export async function s3ForTest(): Promise<S3Server> {
  const server = await startS3()
  onTestFinished(() => server.stop())
  return server
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`)
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return
    await sleep(100)
  }
  throw new Error('moto does not answer')
}

async function guard(url: string) {
  const iam = async (words: string) => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request',
    }
    const answer = await fetch(url, { method: 'POST', headers, body: words })
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
    return text
  }
  const version = 'Version=2010-05-08'
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  }
  const document = encodeURIComponent(JSON.stringify(policy))
  await iam(`Action=CreateUser&UserName=fleet&${version}`)
  await iam(
    `Action=PutUserPolicy&UserName=fleet&PolicyName=all&PolicyDocument=${document}&${version}`,
  )
  const made = await iam(`Action=CreateAccessKey&UserName=fleet&${version}`)
  const found = (tag: string) => new RegExp(`<${tag}>([^<]+)<`).exec(made)?.[1] ?? ''
  await fetch(`${url}/moto-api/reset-auth`, { method: 'POST', body: '0' })
  return { access: found('AccessKeyId'), secret: found('SecretAccessKey') }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGCONT')
  child.kill('SIGTERM')
  await ended
}
