/**
 * The bytes that a token stands for, from the decoder in `tokenizer.json`. A character of several bytes may be cut between
 * tokens, and then no token of it has a text of its own.
 *
 * Radford et al. (2019), GPT-2: byte-level BPE writes each byte as a character that can be seen. SentencePiece writes bytes
 * that have no token as `<0xE2>`, and spaces as `▁`.
 */
import type { Json } from '../contracts/core.ts'

type Step = Readonly<Record<string, Json>>

export function tokenBytesOf(definition: Json): (token: string) => Uint8Array {
  const steps = stepsOf((definition as Step).decoder ?? null)
  const has = (type: string) => steps.some((step) => step.type === type)
  if (has('ByteLevel')) return byteLevel
  const spaces = steps.flatMap(spaceOf)
  return (token) => {
    const byte = has('ByteFallback') && /^<0x([\dA-F]{2})>$/i.exec(token)?.[1]
    if (byte) return Uint8Array.of(Number.parseInt(byte, 16))
    const text = spaces.reduce((whole, space) => whole.replaceAll(space, ' '), token)
    return Buffer.from(text)
  }
}

function stepsOf(decoder: Json): readonly Step[] {
  if (decoder === null || typeof decoder !== 'object') return []
  const { type, decoders } = decoder as Step
  return type === 'Sequence' && Array.isArray(decoders)
    ? decoders.flatMap((each: Json) => stepsOf(each))
    : [decoder as Step]
}

/** What a step reads as a space. */
function spaceOf({ type, pattern, content, replacement }: Step): readonly string[] {
  if (type === 'Metaspace' && typeof replacement === 'string') return [replacement]
  const written = (pattern as Step | undefined)?.String
  return type === 'Replace' && content === ' ' && typeof written === 'string' ? [written] : []
}

/** A token that was added to the vocabulary is a text already. */
function byteLevel(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => byteOfCharacter.get(character))
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : Buffer.from(token)
}

const byteOfCharacter: ReadonlyMap<string, number> = byteCharacters()

/** Bytes that can be seen in Latin-1 stand for themselves, the others for the characters from 256 on. */
function byteCharacters() {
  const isSeen = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return new Map(
    Array.from({ length: 256 }, (_, byte) => {
      const code = isSeen(byte) ? byte : next++
      return [String.fromCharCode(code), byte] as const
    }),
  )
}
