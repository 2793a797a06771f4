/** Files of a base that are larger than what a process reads at once, and files that change while they are read. */
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { openCausal, shapeOfCausal } from '../../src/bases/causal/causal.ts'
import { readGguf } from '../../src/nn/containers/gguf.ts'
import { withFiles } from '../../src/nn/containers/stored-bytes.ts'

const tiny = fileURLToPath(new URL('../reference/tiny-causal', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'antikythera-large-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Node reads no file of that size whole. The hole takes no room on the disk. */
const HOLE = 2 ** 31
const LENGTH_BYTES = 8

function writeWithHole(path: string, head: Uint8Array, rest: Uint8Array): void {
  const file = openSync(path, 'w')
  writeSync(file, head, 0, head.length, 0)
  writeSync(file, rest, 0, rest.length, head.length + HOLE)
  closeSync(file)
  expect(statSync(path).size).toBeGreaterThan(HOLE)
}

test('a GGUF file of more than 2 GiB opens', async () => {
  const whole = readFileSync(join(tiny, 'gguf', 'tiny.gguf'))
  const { tensors } = readGguf(whole)
  const begin = Math.min(...[...tensors.values()].map(({ data }) => data.byteOffset))
  const head = Buffer.from(whole.subarray(0, begin - whole.byteOffset))
  for (const [name, { shape }] of tensors) {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeBigUInt64LE(BigInt(name.length))
    const entry = head.indexOf(Buffer.concat([length, Buffer.from(name)]))
    // Behind the name: the count of axes, their sizes, and the storage.
    const offset = entry + LENGTH_BYTES + name.length + 4 + 8 * shape.length + 4
    head.writeBigUInt64LE(head.readBigUInt64LE(offset) + BigInt(HOLE), offset)
  }
  const path = join(scratch, 'large.gguf')
  writeWithHole(path, head, whole.subarray(head.length))
  const base = await openCausal(join(tiny, 'gguf', 'tiny.gguf'))
  expect((await openCausal(path)).hash).toBe(base.hash)
  expect((await shapeOfCausal(path)).network.sites(0)).toEqual(base.network.sites(0))
})

test('a safetensors file of more than 2 GiB opens, and what the network does not read is not read', async () => {
  const folder = join(scratch, 'large')
  cpSync(join(tiny, 'llama'), folder, { recursive: true })
  const path = join(folder, 'model.safetensors')
  const whole = readFileSync(path)
  const body = LENGTH_BYTES + Number(whole.readBigUInt64LE())
  const header = JSON.parse(whole.toString('utf8', LENGTH_BYTES, body)) as Record<
    string,
    { data_offsets?: number[] }
  >
  for (const entry of Object.values(header))
    if (entry.data_offsets) entry.data_offsets = entry.data_offsets.map((at) => at + HOLE)
  const hole = { dtype: 'U8', shape: [HOLE], data_offsets: [0, HOLE] }
  const text = Buffer.from(JSON.stringify({ hole, ...header }))
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeBigUInt64LE(BigInt(text.length))
  writeWithHole(path, Buffer.concat([length, text]), whole.subarray(body))
  expect((await openCausal(folder)).hash).toBe((await openCausal(join(tiny, 'llama'))).hash)
})

test('a file that is written to, or cut, while it is read is refused, and closed', async () => {
  const path = join(scratch, 'changing')
  const changes: readonly (() => void)[] = [
    () => writeFileSync(path, 'other!'),
    () => writeFileSync(path, 'longer than before'),
    () => utimesSync(path, 1, 1),
    () => truncateSync(path, 2),
  ]
  for (const change of changes) {
    writeFileSync(path, 'bytes!')
    const read = withFiles([path], async (bytes) => {
      change()
      return Promise.resolve(bytes)
    })
    await expect(read).rejects.toMatchObject({ code: 'BASE_INVALID' })
  }
  writeFileSync(path, 'bytes!')
  const cut = withFiles([path], async (bytes) => {
    truncateSync(path, 2)
    return Promise.resolve(bytes.subarray(0, 6))
  })
  await expect(cut).rejects.toMatchObject({ code: 'BASE_INVALID' })
  const missing = withFiles([path, join(scratch, 'nowhere')], async () => Promise.resolve())
  await expect(missing).rejects.toMatchObject({ code: 'BASE_MISSING' })
  writeFileSync(path, 'bytes!')
  const left = await withFiles([path], async (bytes) => Promise.resolve(bytes))
  expect(() => left.subarray(0, 1)).toThrow('after it was closed')
})
