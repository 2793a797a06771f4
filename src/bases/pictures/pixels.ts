/**
 * A picture file as pixels, with sharp (libvips): turned as EXIF says, in sRGB of 8 bits, what is transparent on white, squeezed
 * into a square or cropped to its middle. It runs in libuv's threads; a file with an error in it is refused.
 */
import { failure } from '../../platform/errors.ts'
import { loadOptionalPackage } from '../../platform/optional-package.ts'

/** Bytes of red, green and blue, row by row, `side` × `side` pixels. Throws IMAGE_INVALID. */
export type PixelReader = (file: Uint8Array, side: number, fit: PictureFit) => Promise<Uint8Array>

/** `squeeze`: nothing is cut off; `crop`: nothing is distorted. */
export type PictureFit = 'squeeze' | 'crop'

/** Throws PACKAGE_MISSING. */
export function openPixels(): PixelReader {
  const sharp = loadOptionalPackage('sharp', 'a base that reads pictures') as Sharp
  // One thread a picture, and nothing kept of it: pictures do not come again.
  sharp.concurrency(1)
  sharp.cache(false)
  return async (file, side, fit) => {
    try {
      const pixels = await sharp(file, { failOn: 'error', limitInputPixels: false })
        .autoOrient()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .resize(side, side, { fit: fit === 'crop' ? 'cover' : 'fill', kernel: 'cubic' })
        .removeAlpha()
        .raw({ depth: 'uchar' })
        .toBuffer()
      if (pixels.length === 3 * side * side) return pixels
      throw new Error(`${pixels.length} bytes of pixels`)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
      throw failure('IMAGE_INVALID', `the picture cannot be decoded: ${why}`, { cause })
    }
  }
}

/** As much of the package's types as is used here: it may be absent. */
interface Sharp {
  (file: Uint8Array, options: object): Pipeline
  concurrency(threads: number): void
  cache(options: boolean): void
}

interface Pipeline {
  autoOrient(): Pipeline
  flatten(options: object): Pipeline
  toColourspace(name: string): Pipeline
  resize(width: number, height: number, options: object): Pipeline
  removeAlpha(): Pipeline
  raw(options: object): Pipeline
  toBuffer(): Promise<Uint8Array>
}
