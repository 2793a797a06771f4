/** Drawn photos of a damaged car body as PNG files in base64: scratches, a crushed part with cracks, or old rust. */
import { deflateSync } from 'node:zlib'

const SIDE = 96

/** A body of any colour under a light from above, with the marks of the outcome. */
export function picture(random, outcome) {
  const [hue, light] = [[0, 0, 0].map(() => 60 + random.below(150)), 0.3 + 0.5 * random.uniform()]
  const pixels = new Float64Array(SIDE * SIDE * 3)
  for (let y = 0; y < SIDE; y += 1)
    for (let x = 0; x < SIDE; x += 1)
      for (let channel = 0; channel < 3; channel += 1)
        pixels[(y * SIDE + x) * 3 + channel] =
          hue[channel] * (1 + light * (0.5 - y / SIDE)) + 6 * random.normal()
  marks[outcome](random, pixels)
  return pngOf(pixels).toString('base64')
}

const marks = {
  /** A few thin bright lines side by side. */
  pay(random, pixels) {
    const [x, y, slope] = [20 + random.below(40), 20 + random.below(40), random.normal() / 3]
    for (let at = 0; at < 3 + random.below(3); at += 1)
      line(pixels, [x, y + 5 * at], [x + 30, y + 5 * at + 30 * slope], [235, 235, 230])
  },
  /** A dark hole from which cracks run out. */
  inspect(random, pixels) {
    const middle = [35 + random.below(26), 35 + random.below(26)]
    spot(pixels, middle, 16 + random.below(10), [15, 15, 20])
    for (let at = 0; at < 9; at += 1) {
      const [angle, length] = [random.uniform() * 2 * Math.PI, 25 + random.below(20)]
      const end = [middle[0] + length * Math.cos(angle), middle[1] + length * Math.sin(angle)]
      line(pixels, middle, end, [10, 10, 10])
    }
  },
  /** Brown blotches that have grown together. */
  investigate(random, pixels) {
    const middle = [30 + random.below(36), 30 + random.below(36)]
    for (let at = 0; at < 14; at += 1) {
      const place = middle.map((each) => each + 12 * random.normal())
      spot(pixels, place, 3 + random.below(7), [120 + random.below(40), 65 + random.below(20), 25])
    }
  },
}

function spot(pixels, [x, y], radius, colour) {
  for (let row = Math.floor(y - radius); row <= y + radius; row += 1)
    for (let column = Math.floor(x - radius); column <= x + radius; column += 1)
      if ((column - x) ** 2 + (row - y) ** 2 <= radius ** 2) put(pixels, column, row, colour)
}

function line(pixels, [fromX, fromY], [toX, toY], colour) {
  const steps = Math.ceil(2 * Math.hypot(toX - fromX, toY - fromY))
  for (let at = 0; at <= steps; at += 1) {
    const [x, y] = [fromX + ((toX - fromX) * at) / steps, fromY + ((toY - fromY) * at) / steps]
    put(pixels, Math.round(x), Math.round(y), colour)
  }
}

function put(pixels, x, y, colour) {
  if (x < 0 || y < 0 || x >= SIDE || y >= SIDE) return
  for (const [channel, value] of colour.entries()) pixels[(y * SIDE + x) * 3 + channel] = value
}

/** PNG (ISO/IEC 15948) of 8 bits, red, green and blue, without filters. */
function pngOf(pixels) {
  const rows = Buffer.alloc(SIDE * (1 + 3 * SIDE))
  for (let y = 0; y < SIDE; y += 1)
    for (let at = 0; at < 3 * SIDE; at += 1)
      rows[y * (1 + 3 * SIDE) + 1 + at] = Math.max(0, Math.min(255, pixels[y * 3 * SIDE + at]))
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIDE, 0)
  header.writeUInt32BE(SIDE, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', '')]
  return Buffer.concat([signature, ...parts])
}

function chunk(name, content) {
  const body = Buffer.concat([Buffer.from(name), Buffer.from(content)])
  const ends = [Buffer.alloc(4), Buffer.alloc(4)]
  ends[0].writeUInt32BE(body.length - name.length)
  ends[1].writeUInt32BE(crc32(body))
  return Buffer.concat([ends[0], body, ends[1]])
}

/** The check sum of PNG's annex D. */
function crc32(bytes) {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
  }
  return (sum ^ 0xffffffff) >>> 0
}
