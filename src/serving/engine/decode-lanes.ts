/**
 * The texts that run, in lanes: a step of the engine continues all texts of one lane, because their adapters share a
 * graph. The key-value cache of a lane is reserved for the longest that its texts may become, so that no text that has
 * begun must give way.
 */
import { capacityFor, rowsFor } from '../../nn/onnx/decoding/cached-attention.ts'
import { tokensOf, type Text } from './text-queue.ts'

export interface DecodeLanesLimits {
  readonly generation_texts: number
  readonly generation_cache_bytes: number
}

export interface Lane {
  readonly bytesPerPosition: number
  readonly texts: Text[]
  /** Texts whose prompts are being read, in order of arrival. */
  readonly filling: Text[]
  /** How many parts of prompts were read. */
  parts: number
}

export class DecodeLanes {
  readonly #limits: DecodeLanesLimits
  readonly #lanes = new Map<string, Lane>()

  constructor(limits: DecodeLanesLimits) {
    this.#limits = limits
  }

  get all(): readonly Lane[] {
    return [...this.#lanes.values()]
  }

  get texts(): readonly Text[] {
    return this.all.flatMap(textsOf)
  }

  /** Begins a text in the lane of this name; false if there is no room now. */
  begin(text: Text, name: string, bytesPerPosition: number): boolean {
    const lane = this.#lanes.get(name) ?? { bytesPerPosition, texts: [], filling: [], parts: 0 }
    if (!this.#hasRoom(lane, text)) return false
    lane.filling.push(text)
    this.#lanes.set(name, lane)
    return true
  }

  /** Returns whether it was in a lane. */
  leave(text: Text): boolean {
    for (const [name, lane] of this.#lanes) {
      const place = [lane.filling, lane.texts].find((texts) => texts.includes(text))
      if (place === undefined) continue
      place.splice(place.indexOf(text), 1)
      if (textsOf(lane).length === 0) this.#lanes.delete(name)
      return true
    }
    return false
  }

  #hasRoom(lane: Lane, text: Text): boolean {
    const running = this.texts.length
    if (running === 0) return true
    if (running >= this.#limits.generation_texts) return false
    const others = this.all.filter((other) => other !== lane)
    const bytes = others.reduce((sum, other) => sum + bytesOf(other, textsOf(other)), 0)
    return bytes + bytesOf(lane, [...textsOf(lane), text]) <= this.#limits.generation_cache_bytes
  }
}

/**
 * The prompt that is read next: the one with the least left, so that a short prompt need not wait for a long one. Each
 * fourth part is of the prompt that came first, so that a long one ends, however many short ones come.
 */
export function nextPrompt({ filling, parts }: Lane): Text | undefined {
  const [oldest] = filling
  if (oldest === undefined || parts % TURNS === TURNS - 1) return oldest
  return filling.reduce((best, text) => (unread(text) < unread(best) ? text : best))
}

const TURNS = 4

function unread({ request, length }: Text): number {
  return request.prompt.length - length
}

function textsOf({ texts, filling }: Lane): readonly Text[] {
  return [...texts, ...filling]
}

function bytesOf({ bytesPerPosition }: Lane, texts: readonly Text[]): number {
  const positions = Math.max(0, ...texts.map(({ request }) => tokensOf(request)))
  return rowsFor(texts.length) * capacityFor(positions) * bytesPerPosition
}
