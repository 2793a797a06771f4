/** Pictures as they come: what is refused from the header alone, before anything is decoded. */
import { describe, expect, test } from 'vitest'
import { roomFor } from '../../src/payloads/reading.ts'
import { image } from '../../src/payloads/inputs/image.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { slope } from '../bases/pictures.ts'
import { thrown } from '../coded.ts'

const read = (value: Parameters<typeof image.read>[0], limits = defaultLimits) =>
  image.read(value, limits, '/input/image')
const base64 = (file: Uint8Array) => Buffer.from(file).toString('base64')

const [png, jpeg, progressive, lossy, lossless] = await Promise.all([
  slope(40, 30).png().toBuffer(),
  slope(40, 30).jpeg().toBuffer(),
  slope(40, 30).jpeg({ progressive: true }).toBuffer(),
  slope(40, 30).webp().toBuffer(),
  slope(40, 30).webp({ lossless: true }).toBuffer(),
])

/** The header of a PNG that declares so many pixels. */
function declared(width: number, height: number): Buffer {
  const file = Buffer.from(png)
  file.writeUInt32BE(width, 16)
  file.writeUInt32BE(height, 20)
  return file
}

/** A chunk between the header and the rest. */
function withChunk(tag: string): Buffer {
  const chunk = Buffer.alloc(20)
  chunk.writeUInt32BE(8, 0)
  chunk.write(tag, 4, 'latin1')
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)])
}

/** WebP's extended header, with the flag of an animation. */
function animatedWebp(): Buffer {
  const file = Buffer.alloc(30)
  file.write('RIFF', 0, 'latin1')
  file.writeUInt32LE(22, 4)
  file.write('WEBPVP8X', 8, 'latin1')
  file.writeUInt32LE(10, 16)
  file[20] = 0x02
  return file
}

test.each([png, jpeg, progressive, lossy, lossless])(
  'a whole picture is kept as its bare base64, whether it came in a data URL or not',
  (file) => {
    const text = base64(file)
    expect(read(text)).toEqual({ kind: 'image', image: text })
    for (const type of ['png', 'jpeg', 'webp'])
      expect(read(`data:image/${type};base64,${text}`)).toEqual({ kind: 'image', image: text })
  },
)

test('its size is that of the file', () => {
  for (const file of [png, jpeg, progressive, lossy, lossless]) {
    expect(read(base64(file), { ...defaultLimits, image_pixels: 1200 })).toBeDefined()
    const { code, message } = thrown(() =>
      read(base64(file), { ...defaultLimits, image_pixels: 1199 }),
    )
    expect([code, message]).toEqual([
      'IMAGE_TOO_LARGE',
      '/input/image: 40 × 30 pixels, at most 1199 in all',
    ])
  }
})

test('a model that reads pictures has room for the largest one, and the largest one is read', () => {
  const limits = { ...defaultLimits, image_bytes: png.length }
  const text = base64(png)
  expect(read(text, limits)).toBeDefined()
  expect(roomFor([image], limits)).toBeGreaterThanOrEqual(text.length)
  const { code } = thrown(() => read(text, { ...limits, image_bytes: png.length - 3 }))
  expect(code).toBe('IMAGE_TOO_LARGE')
})

describe('refused', () => {
  test.each<[string, string, string]>([
    ['IMAGE_TOO_LARGE', '100000 × 100000 pixels', base64(declared(100_000, 100_000))],
    ['IMAGE_INVALID', '0 × 30 pixels', base64(declared(0, 30))],
    ['IMAGE_INVALID', 'animated', base64(withChunk('acTL'))],
    ['IMAGE_INVALID', 'animated', base64(animatedWebp())],
    ['IMAGE_INVALID', 'cut off', base64(png.subarray(0, png.length - 5))],
    ['IMAGE_INVALID', 'cut off', base64(png.subarray(0, 20))],
    ['IMAGE_INVALID', 'cut off', base64(jpeg.subarray(0, jpeg.length - 2))],
    ['IMAGE_INVALID', 'cut off', base64(jpeg.subarray(0, 200))],
    ['IMAGE_INVALID', 'cut off', base64(lossy.subarray(0, lossy.length - 2))],
    ['IMAGE_INVALID', 'neither PNG', base64(Buffer.from('GIF89a, and so on and on and on'))],
    [
      'IMAGE_INVALID',
      'neither PNG',
      base64(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')),
    ],
    ['IMAGE_INVALID', 'neither PNG', base64(Buffer.from('hello'))],
    ['IMAGE_INVALID', 'without blanks', `${base64(png).slice(0, 40)}\n${base64(png).slice(40)}`],
    ['IMAGE_INVALID', 'without blanks', base64(png).replaceAll('=', '').slice(0, -1)],
    ['IMAGE_INVALID', 'without blanks', ''],
    ['IMAGE_INVALID', 'without blanks', `data:image/png;base64,`],
    ['IMAGE_INVALID', 'without blanks', `data:image/gif;base64,${base64(png)}`],
    ['IMAGE_INVALID', 'an address is not opened', 'https://example.com/a.png'],
    ['IMAGE_INVALID', 'an address is not opened', 'file:///etc/passwd'],
  ])('%s: %s', (code, why, text) => {
    const error = thrown(() => read(text))
    expect(error.code).toBe(code)
    expect(error.message).toContain(why)
    expect(error.details.pointer).toBe('/input/image')
  })
})

test('any byte of a header may be wrong, and the answer is a picture or a code', () => {
  for (const file of [png, jpeg, lossy, lossless])
    for (let at = 0; at < Math.min(120, file.length); at += 1)
      for (const value of [0, 0x7f, 0xff]) {
        const bad = Buffer.from(file)
        bad[at] = value
        try {
          read(base64(bad))
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^IMAGE_/)
        }
      }
})
