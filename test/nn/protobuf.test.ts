import { expect, test } from 'vitest'
import {
  bytes,
  float32,
  integer,
  layOut,
  message,
  packed,
  text,
  type Wire,
} from '../../src/nn/protobuf.ts'

const hex = (wire: Wire) => Buffer.from(layOut(wire)).toString('hex')

test('the examples of the encoding guide come out byte for byte', () => {
  expect(hex(integer(1, 150))).toBe('089601')
  expect(hex(text(2, 'testing'))).toBe('120774657374696e67')
  expect(hex(message(3, integer(1, 150)))).toBe('1a03089601')
  expect(hex(packed(6, [3, 270, 86942]))).toBe('3206038e029ea705')
})

test('a negative integer takes ten bytes, as two’s complement of 64 bits', () => {
  expect(hex(integer(3, -1))).toBe('18ffffffffffffffffff01')
})

test('numbers above 2³¹ keep all their bits', () => {
  expect(hex(integer(1, 2 ** 40))).toBe('08808080808020')
})

test('a float is four bytes, lowest first', () => {
  expect(hex(float32(2, 1))).toBe('150000803f')
})

test('fields above 15 have a tag of two bytes', () => {
  expect(hex(integer(20, 7))).toBe('a00107')
})

test('bytes are referred to until the whole is laid out in shared memory', () => {
  const value = Uint8Array.of(1, 2)
  const wire = bytes(1, value)
  value[0] = 9
  const whole = layOut(wire)
  expect([...whole]).toEqual([0x0a, 2, 9, 2])
  expect(whole.buffer).toBeInstanceOf(SharedArrayBuffer)
})
