import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { withoutNativeNoise } from '../../src/trainer/process/native-noise.ts'

it('passes everything on but what libtensorflow says while it loads', async () => {
  const said = [
    'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n',
    'I0000 00:00:1795571130.432982   16136 port.cc:153] oneDNN custom operations are on.\n',
    '{"level":"warn","msg":"ours"}\nF0000 a fatal',
    ' error\nno newline at the end',
  ]
  const passed = await text(Readable.from(said).pipe(withoutNativeNoise()))
  expect(passed).toBe('{"level":"warn","msg":"ours"}\nF0000 a fatal error\nno newline at the end')
})

it('keeps a character whose bytes arrive in two chunks', async () => {
  const bytes = Buffer.from('{"level":"warn","msg":"source “Zürich” is unknown"}\nno newline: ü')
  const chunks = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1))
  const passed = await text(Readable.from(chunks).pipe(withoutNativeNoise()))
  expect(passed).toBe(bytes.toString())
})
