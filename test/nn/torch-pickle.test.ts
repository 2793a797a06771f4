/** The reader of old torch files: tensors come out as they were, and every other program is refused before it does anything. */
import { expect, test } from 'vitest'
import { readTorchPickle } from '../../src/nn/containers/torch-pickle.ts'
import { thrown } from '../coded.ts'

const PROTO = '\x80\x02'
const MAGIC = `${PROTO}\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.`
const VERSION = `${PROTO}M\xe9\x03.`
const MACHINE = `${PROTO}}(${unicode('little_endian')}\x88u.`
const ORDERED = 'ccollections\nOrderedDict\n)R'

function unicode(text: string): string {
  return `X${String.fromCharCode(text.length)}\x00\x00\x00${text}`
}

/** A tensor over the storage `key` of `numbers` numbers. */
function tensor(
  key: string,
  numbers: number,
  shape: readonly number[],
  strides: readonly number[],
  offset = 0,
) {
  const sizes = (list: readonly number[]) =>
    `(${list.map((size) => `K${String.fromCharCode(size)}`).join('')}t`
  const storage = `(${unicode('storage')}ctorch\nFloatStorage\n${unicode(key)}${unicode('cpu')}K${String.fromCharCode(numbers)}NtQ`
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}K${String.fromCharCode(offset)}${sizes(shape)}${sizes(strides)}\x89${ORDERED}tR`
}

function file(
  object: string,
  storages: readonly (readonly [key: string, numbers: readonly number[]])[],
): Uint8Array {
  const keys = `${PROTO}](${storages.map(([key]) => unicode(key)).join('')}e.`
  const text = Buffer.from(`${MAGIC}${VERSION}${MACHINE}${PROTO}${object}.${keys}`, 'latin1')
  const bytes = storages.map(([, numbers]) => {
    const size = Buffer.alloc(8)
    size.writeBigInt64LE(BigInt(numbers.length))
    return Buffer.concat([size, Buffer.from(Float32Array.from(numbers).buffer)])
  })
  return Buffer.concat([text, ...bytes])
}

const named = (tensors: Readonly<Record<string, string>>) =>
  `${ORDERED}(${Object.entries(tensors)
    .map(([name, made]) => `${unicode(name)}${made}`)
    .join('')}u`

const stored = [['a', [1, 2, 3, 4, 5, 6]]] as const

test('tensors that share numbers, turned and shifted, are read row by row', () => {
  const object = named({
    plain: tensor('a', 6, [2, 3], [3, 1]),
    turned: tensor('a', 6, [3, 2], [1, 3]),
    part: tensor('a', 6, [2], [2], 1),
    one: tensor('a', 6, [], []),
  })
  const read = readTorchPickle(file(object, stored))
  expect(Object.fromEntries([...read].map(([name, { data }]) => [name, [...data]]))).toEqual({
    ...{ plain: [1, 2, 3, 4, 5, 6], turned: [1, 4, 2, 5, 3, 6], part: [2, 4], one: [1] },
  })
  expect(read.get('turned')?.shape).toEqual([3, 2])
})

const good = named({ x: tensor('a', 6, [6], [1]) })

test.each<[string, Uint8Array]>([
  ['names "os system"', file('cos\nsystem\n(X\x04\x00\x00\x00true\x85R', stored)],
  ['names "posix system"', file(named({ x: 'cposix\nsystem\n)R' }), stored)],
  ['names "builtins eval"', file('cbuiltins\neval\n', stored)],
  ['names "torch._utils _rebuild_tensor"', file('ctorch._utils\n_rebuild_tensor\n', stored)],
  ['the instruction 0x69', file('(ios\nsystem\n', stored)],
  ['the instruction 0x81', file(`ccollections\nOrderedDict\n)\x81`, stored)],
  ['the instruction 0x93', file(`${unicode('os')}${unicode('system')}\x93`, stored)],
  ['the instruction 0x50', file('Pos.system\n', stored)],
  ['the instruction 0x82', file('\x82\x01', stored)],
  ['calls no function', file('K\x01)R', stored)],
  ['in another way', file(`ccollections\nOrderedDict\n(K\x01tR`, stored)],
  ['in another way', file('ctorch._utils\n_rebuild_tensor_v2\n)R', stored)],
  ['no storage', file(`(${unicode('module')}N${unicode('a')}tQ`, stored)],
  ['no table of named tensors', file('K\x01', stored)],
  ['x is no tensor', file(named({ x: 'K\x01' }), [])],
  ['no text', file(`}(K\x01K\x02u`, stored)],
  ['no list', file('}K\x01a', stored)],
  ['its stack is empty', file('R', stored)],
  ['which is empty', file('h\x05', stored)],
  ['no mark', file('t', stored)],
  ['beyond its numbers', file(named({ x: tensor('a', 6, [7], [1]) }), stored)],
  ['beyond its numbers', file(named({ x: tensor('a', 6, [2], [6]) }), stored)],
  // Each number many times over: a small file that becomes gigabytes.
  [
    'beyond its numbers',
    file(named({ x: tensor('a', 6, [200, 200, 200, 200], [0, 0, 0, 0]) }), stored),
  ],
  ['two sizes', file(named({ x: tensor('a', 6, [1], [1]), y: tensor('a', 5, [1], [1]) }), stored)],
  ['another size', file(good, [['a', [1, 2]]])],
  ['of no tensor', file(good, [['b', [1]]])],
  ['are missing', file(good, [])],
  ['cut off', file(good, stored).subarray(0, -4)],
  ['cut off', Buffer.from(MAGIC.slice(0, 6), 'latin1')],
  ['cut off', Buffer.from(`${PROTO}X\xff\xff\xff\xffabc`, 'latin1')],
  ['as torch.save writes it', Buffer.from(`${PROTO}K\x01.`, 'latin1')],
  ['unknown version', Buffer.from(`${MAGIC}${PROTO}K\x01.`, 'latin1')],
  ['protocol 4', Buffer.from('\x80\x04N.', 'latin1')],
  ['little-endian', Buffer.from(`${MAGIC}${VERSION}${PROTO}}.`, 'latin1')],
  ['more than 1000000 steps', Buffer.from(`${PROTO}${'N'.repeat(1_000_001)}`, 'latin1')],
  ['as torch.save writes it', Buffer.from(`${PROTO}${'N'.repeat(10)}.`, 'latin1')],
])('a file that %s is refused', (why, bytes) => {
  const { code, message } = thrown(() => readTorchPickle(bytes))
  expect(code).toBe('PICKLE_REFUSED')
  expect(message).toContain(why)
})
