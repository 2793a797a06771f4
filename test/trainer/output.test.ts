import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { openLog } from '../../src/platform/log.ts'
import { withoutLog } from '../../src/trainer/process/output.ts'

/** What is passed on, and what the log has got. */
async function read(chunks: readonly (string | Buffer)[], level: 'info' | 'warn' = 'info') {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const log = openLog({ level, format: 'json', stream })
  const passed = await text(Readable.from(chunks).pipe(withoutLog(log)))
  return { passed, logged: lines.map((line) => JSON.parse(line) as object) }
}

const line = (level: string, msg: string) =>
  `{"level":"${level}","time":"2026-11-24T10:00:00.000Z","process":"trainer","msg":"${msg}"}\n`

it('passes everything on but the log and what libtensorflow says while it loads', async () => {
  const said = [
    'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n',
    'I0000 00:00:1795571130.432982   16136 port.cc:153] oneDNN custom operations are on.\n',
    '{"level":"warn","msg":"ours"}\nF0000 a fatal',
    ' error\n{"level":"loud"}\n{ no json\nno newline at the end',
  ]
  const { passed, logged } = await read(said)
  expect(passed).toBe('F0000 a fatal error\n{"level":"loud"}\n{ no json\nno newline at the end')
  expect(logged).toMatchObject([{ level: 'warn', msg: 'ours' }])
})

it('the log of the daemon decides about the lines of the trainer', async () => {
  const said = [line('info', 'learned'), line('error', 'torn')]
  expect((await read(said)).logged).toMatchObject([
    { level: 'info', process: 'trainer', msg: 'learned' },
    { level: 'error', process: 'trainer', msg: 'torn' },
  ])
  expect((await read(said, 'warn')).logged).toMatchObject([{ level: 'error', msg: 'torn' }])
})

it('an error keeps its type and its stack', async () => {
  const err = { type: 'CodedError', message: 'gone', stack: 'CodedError: gone\\n at x', code: 'C' }
  const { logged } = await read([`${JSON.stringify({ level: 'warn', err, msg: 'failed' })}\n`])
  expect(logged).toMatchObject([{ err, msg: 'failed' }])
})

it('keeps a character whose bytes arrive in two chunks', async () => {
  const bytes = Buffer.from(`${line('warn', 'source “Zürich” is unknown')}no newline: ü`)
  const chunks = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1))
  const { passed, logged } = await read(chunks)
  expect(passed).toBe('no newline: ü')
  expect(logged).toMatchObject([{ msg: 'source “Zürich” is unknown' }])
})
