/**
 * A picture: the bytes of a PNG, JPEG or WebP file as base64, or a data URL of them. It is stored as the bare base64 that came, and
 * decoded by the base that reads it. Its size is checked here, from its header. No address is ever opened.
 */
import type { InputKind } from '../../contracts/payload.ts'
import type { Limits } from '../../platform/limits.ts'
import { pictureHeader } from '../picture-header.ts'
import { refuse } from '../reading.ts'

export type ImageInput = Readonly<{ kind: 'image'; image: string }>

type ImageLimits = Pick<Limits, 'image_bytes' | 'image_pixels'>

const TYPES = ['image/png', 'image/jpeg', 'image/webp'] as const
const DATA_URL = new RegExp(`^data:(?:${TYPES.join('|')});base64,`)
/** No data URL begins with more. */
const PREFIX = 32

export const image: InputKind<ImageInput> = {
  name: 'image',
  summary: 'a PNG, JPEG or WebP picture as base64, for a base that reads pictures',
  flags: { image: { description: 'or the file of a picture', as: 'file' } },
  columns: 'own',
  files: TYPES,
  // One grey pixel.
  example:
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==',
  read(value, limits: ImageLimits, pointer) {
    if (typeof value !== 'string') throw refuse('IMAGE_INVALID', pointer, 'base64 of a picture')
    if (/^\s*(?:https?|ftp|file):/i.test(value.slice(0, PREFIX)))
      throw refuse(
        'IMAGE_INVALID',
        pointer,
        'an address is not opened',
        'fetch the picture and send its bytes as base64',
      )
    const text = value.slice(DATA_URL.exec(value.slice(0, PREFIX))?.[0].length ?? 0)
    if (text.length > encodedLength(limits.image_bytes))
      throw refuse('IMAGE_TOO_LARGE', pointer, `more than ${limits.image_bytes} bytes`)
    if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
      throw refuse('IMAGE_INVALID', pointer, 'base64, with its padding and without blanks')
    const header = pictureHeader(Buffer.from(text, 'base64'))
    if (header === undefined)
      throw refuse('IMAGE_INVALID', pointer, 'neither PNG nor JPEG nor WebP')
    if (typeof header === 'string') throw refuse('IMAGE_INVALID', pointer, header)
    const { width, height } = header
    if (width === 0 || height === 0)
      throw refuse('IMAGE_INVALID', pointer, `the picture has ${width} × ${height} pixels`)
    if (width * height > limits.image_pixels) {
      const why = `${width} × ${height} pixels, at most ${limits.image_pixels} in all`
      throw refuse('IMAGE_TOO_LARGE', pointer, why)
    }
    return { kind: 'image', image: text }
  },
  schema: ({ image_bytes }: ImageLimits) => ({
    type: 'string',
    contentEncoding: 'base64',
    minLength: 1,
    maxLength: encodedLength(image_bytes) + PREFIX,
  }),
  bytes: ({ image_bytes }: ImageLimits) => encodedLength(image_bytes) + PREFIX,
}

/** Four characters for three bytes, or for what is left of them. */
function encodedLength(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}
