/**
 * What a picture file says of itself, without decoding it: its size, and whether it is one whole frame. Only the outline of each
 * format is read, so that a file that declares gigabytes costs nothing.
 *
 * PNG (ISO/IEC 15948, clause 5), JPEG (ITU-T T.81, annex B), WebP (RFC 9649)
 */

export interface PictureHeader {
  readonly width: number
  readonly height: number
}

/** Undefined = none of the formats. A text says why the file is refused. */
export function pictureHeader(file: Buffer): PictureHeader | string | undefined {
  if (file.length < 16) return undefined
  if (file.subarray(0, 8).equals(PNG)) return pngHeader(file)
  if (file.readUInt16BE(0) === JPEG) return jpegHeader(file)
  if (tagAt(file, 0) === 'RIFF' && tagAt(file, 8) === 'WEBP') return webpHeader(file)
  return undefined
}

const PNG = Buffer.from('89504e470d0a1a0a', 'hex')
const JPEG = 0xffd8
const CUT_OFF = 'the picture is cut off'
const ANIMATED = 'the picture is animated: send one frame'

function tagAt(file: Buffer, at: number): string {
  return file.toString('latin1', at, at + 4)
}

/** Chunks: length, tag, data, checksum; IHDR first, IEND last. */
function pngHeader(file: Buffer): PictureHeader | string {
  if (file.length < 33) return CUT_OFF
  if (tagAt(file, 12) !== 'IHDR') return 'the picture has no header'
  const header = { width: file.readUInt32BE(16), height: file.readUInt32BE(20) }
  for (let at = 8; at + 12 <= file.length;) {
    const tag = tagAt(file, at + 4)
    if (tag === 'acTL') return ANIMATED
    if (tag === 'IEND') return header
    at += 12 + file.readUInt32BE(at)
  }
  return CUT_OFF
}

/** Segments: a marker of two bytes, a length; the frame's says the size. Behind the scan only its end is looked for. */
function jpegHeader(file: Buffer): PictureHeader | string {
  let header: PictureHeader | undefined
  for (let at = 2; at + 4 <= file.length;) {
    if (file[at] !== 0xff) return 'the picture is damaged'
    const marker = file[at + 1] ?? 0
    // A marker may begin with several of these.
    if (marker === 0xff) {
      at += 1
      continue
    }
    if (isFrame(marker)) {
      if (at + 9 > file.length) return CUT_OFF
      header = { width: file.readUInt16BE(at + 7), height: file.readUInt16BE(at + 5) }
    }
    if (marker === 0xda) {
      if (header === undefined) return 'the picture has no header'
      return file.lastIndexOf(END_OF_JPEG) > at ? header : CUT_OFF
    }
    at += 2 + file.readUInt16BE(at + 2)
  }
  return CUT_OFF
}

const END_OF_JPEG = Buffer.from('ffd9', 'hex')

/** SOF0 to SOF15, among them three markers of tables. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
}

/** Chunks: tag, length, data padded to even; the first one says the size. */
function webpHeader(file: Buffer): PictureHeader | string {
  if (8 + file.readUInt32LE(4) > file.length || file.length < 30) return CUT_OFF
  const tag = tagAt(file, 12)
  if (tag === 'VP8X') {
    if (((file[20] ?? 0) & 0x02) !== 0) return ANIMATED
    return { width: 1 + file.readUIntLE(24, 3), height: 1 + file.readUIntLE(27, 3) }
  }
  if (tag === 'VP8 ')
    return { width: file.readUInt16LE(26) & 0x3fff, height: file.readUInt16LE(28) & 0x3fff }
  if (tag !== 'VP8L') return 'the picture has no header'
  const bits = file.readUInt32LE(21)
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) }
}
