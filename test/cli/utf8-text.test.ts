/** A file of feedback in another encoding: refused with its line, and nothing of it is learned in other letters. */
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { textOf } from '../../src/cli/feedback/read-lines.ts'
import { rejection } from '../coded.ts'

/** As pieces of any size arrive. */
async function read(bytes: Buffer, size: number): Promise<string> {
  const count = Math.ceil(bytes.byteLength / size)
  const pieces = Array.from({ length: count }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )
  let text = ''
  for await (const piece of textOf(Readable.from(pieces))) text += piece
  return text
}

test.each([1, 2, 3, 1000])('letters are whole, whatever the pieces: %i bytes', async (size) => {
  const text = 'text,label\r\ncafé,hours\n\n🙂 日本,card'
  expect(await read(Buffer.from(text), size)).toBe(text)
  expect(await read(Buffer.from(`\uFEFF${text}`), 1000)).toBe(text)
})

test.each<[what: string, bytes: Buffer, line: number, fix: RegExp]>([
  ['Latin-1', Buffer.from('text,label\nok,a\ncaf\xe9,hours\nok,b\n', 'latin1'), 3, /WINDOWS-1252/],
  ['Latin-1 in the last line', Buffer.from('ok\ncaf\xe9', 'latin1'), 2, /WINDOWS-1252/],
  ['UTF-16', Buffer.from('\uFEFFtext,label\nx,a\n', 'utf16le'), 1, /UTF-16/],
  ['UTF-16 without a mark', Buffer.from('{"label":"a"}\n{}\n', 'utf16le'), 1, /UTF-16/],
  ['a compressed file', gzipSync('text,label\nx,a\n'), 1, /gunzip/],
])('%s is refused, with the line and the way out', async (_what, bytes, line, fix) => {
  for (const size of [1, 7, 1000]) {
    const error = await rejection(read(bytes, size))
    expect(error).toMatchObject({ code: 'BODY_MALFORMED' })
    expect(error.message).toBe(`line ${line} of the file is not UTF-8`)
    expect(error.fix).toMatch(fix)
  }
})
