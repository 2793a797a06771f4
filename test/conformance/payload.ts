/** What every kind of input and of signal must do: it reads what it shows, and refuses all else with a code. */
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { CodedError, type Json } from '../../src/contracts/core.ts'
import type { InputKind, Payload, SignalKind } from '../../src/contracts/payload.ts'
import { signalDigest } from '../../src/intake/events/event-key.ts'
import { keyed, valueIn } from '../../src/payloads/reading.ts'
import { defaultLimits } from '../../src/platform/limits.ts'

const nested = (depth: number): Json => (depth === 0 ? 'x' : [nested(depth - 1)])

/** Values of other kinds, and of attackers. */
const hostile: readonly Json[] = [
  ...[null, true, false, 0, -0, 1, 1e308, -1e308, '', ' ', '\u0000', '\ud800', '\u200b', 'a'],
  ...['x'.repeat(200_000), [], {}, [null], [[]], [{}], { a: null }, { a: [] }, { a: {} }],
  ...[{ role: 'user' }, [{ role: 'x', content: 'a' }], Array.from({ length: 10_000 }, () => 0)],
  ...[JSON.parse('{"__proto__": 1}') as Json, { constructor: 1 }, { kind: 'text' }, nested(30)],
  Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`n${at}`, at])),
]

/** Characters of the kind and the names of fields. */
const MORE = 100

export function inputConformance(kind: InputKind): void {
  const read = (value: Json) => kind.read(value, defaultLimits, '/input')
  describe(`input ${kind.name}`, () => {
    it('reads what it shows, and has a field of its name and of each key beside it', () => {
      const value = read(kind.example)
      expect(Object.keys(value)).toEqual(['kind', ...(kind.beside ?? []), kind.name])
      expect(read(valueIn(kind, value)!)).toEqual(value)
      expect(valueIn(kind, keyed(kind, kind.example))).toEqual(kind.example)
      faithful(value, (input) => ({ input, signal: { kind: 'label', label: 'a' } }))
      expect(new Ajv({ strict: false }).validate(kind.schema(defaultLimits), kind.example)).toBe(
        true,
      )
    })

    it('refuses all that it does not read with a code and a place', () => {
      for (const value of hostile) refusedOr(value, read, (taken) => read(valueIn(kind, taken)!))
    })
  })
}

/** `taught`: what stands below the word, or the event of several. */
export function signalConformance(kind: SignalKind, taught: readonly Json[]): void {
  const [word = ''] = kind.words
  const read = (value: Json) => kind.read(value, defaultLimits, `/${word}`, word)
  describe(`signal ${kind.name}`, () => {
    it('reads as its schema says, and differs where its fields do', () => {
      const schemas = kind.schema(defaultLimits)
      expect(Object.keys(schemas)).toEqual(kind.words)
      const digests = taught.map((value) => {
        const said = kind.words.length === 1 ? { [word]: value } : (value as object)
        const whole = { type: 'object', properties: schemas, required: kind.words }
        expect(new Ajv({ strict: false }).validate(whole, said)).toBe(true)
        return faithful(read(value), (signal) => ({ signal }))
      })
      expect(new Set(digests).size).toBe(taught.length)
    })

    it('refuses all that it does not read with a code and a place', () => {
      for (const value of hostile) refusedOr(value, read, (taken) => taken)
    })
  })
}

/** Stored as JSON and read back, it is the same, byte for byte and in its digest. */
function faithful(
  value: Payload,
  event: (value: Payload) => Pick<Parameters<typeof signalDigest>[0], 'input' | 'signal'>,
): number {
  const stored = JSON.stringify(value)
  const back = JSON.parse(stored) as Payload
  expect(back).toEqual(value)
  expect(JSON.stringify(back)).toBe(stored)
  const digest = signalDigest({ ...event(value), weight: 1 })
  expect(signalDigest({ ...event(back), weight: 1 })).toBe(digest)
  return digest
}

/** What is read is JSON that is hardly longer than what came, and is read again as the same. */
function refusedOr(
  given: Json,
  read: (value: Json) => Payload,
  again: (taken: Payload) => Payload,
): void {
  try {
    const taken = read(given)
    expect(JSON.stringify(taken).length).toBeLessThan(JSON.stringify(given).length + MORE)
    expect(again(taken)).toEqual(taken)
    expect(JSON.parse(JSON.stringify(taken))).toEqual(taken)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    expect(error.code).not.toBe('')
    expect(error.details.pointer).toMatch(/^\//)
  }
}
