/**
 * Dead letters as JSONL, one line a letter, flushed to the disk before `write` resolves. Bytes are base64, so that
 * what arrived is what is kept. A key that stands in the file is not written again, also after a restart.
 */
import { open, readFile, type FileHandle } from 'node:fs/promises'
import type { DeadLetter, Sink } from '../../src/contracts.ts'

export async function openFileSink(path: string): Promise<Sink> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const known = keysIn(text)
  const file = await open(path, 'a')
  if (text !== '' && !text.endsWith('\n')) await file.appendFile('\n')
  return {
    write: async (letters) => append(file, known, letters),
    close: async () => file.close(),
  }
}

async function append(
  file: FileHandle,
  known: Set<string>,
  letters: readonly DeadLetter[],
): Promise<void> {
  const fresh = letters.filter(({ key }) => !known.has(key))
  if (fresh.length === 0) return
  await file.appendFile(fresh.map(lineOf).join(''))
  await file.datasync()
  for (const { key } of fresh) known.add(key)
}

/** The key stands first, where `keysIn` looks for it. */
function lineOf({ key, value, ...letter }: DeadLetter): string {
  const line = { key, ...letter, value: Buffer.from(value).toString('base64') }
  return `${JSON.stringify(line)}\n`
}

/** A last line that a crash tore is nobody's letter: its writer never heard that it was durable, and will write again. */
function keysIn(text: string): Set<string> {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  const keys = whole.split('\n').map((line) => /^\{"key":("(?:[^"\\]|\\.)*").*\}$/.exec(line)?.[1])
  return new Set(keys.flatMap((key) => (key === undefined ? [] : [JSON.parse(key) as string])))
}
