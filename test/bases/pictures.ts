/** Pictures for tests, made here: no file of a stranger is in the repository. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { model, node, valueInfo } from '../../src/nn/onnx/graph.ts'

/** As much of sharp as the tests use. */
interface Picture {
  png(): Picture
  jpeg(options?: object): Picture
  webp(options?: object): Picture
  toColourspace(name: string): Picture
  rotate(degrees: number): Picture
  withMetadata(options: object): Picture
  toBuffer(): Promise<Buffer>
}

export const sharp = createRequire(import.meta.url)('sharp') as (
  input?: Buffer | object,
  options?: object,
) => Picture

/** Bytes of red, green and blue by place. */
export function picture(
  width: number,
  height: number,
  at: (x: number, y: number, channel: number) => number,
): Picture {
  const data = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      for (let channel = 0; channel < 3; channel += 1)
        data[(y * width + x) * 3 + channel] = at(x, y, channel)
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** A soft slope of colour, different at every corner. */
export function slope(width: number, height: number): Picture {
  return picture(width, height, (x, y, channel) =>
    Math.round(((x / width) * (channel + 1) + (y / height) * (3 - channel)) * 50),
  )
}

export async function inputOf(made: Picture) {
  return { kind: 'image', image: (await made.toBuffer()).toString('base64') }
}

/** An ONNX file of no weights: of a picture of four times four, the means of its colours. */
export function meansFile(folder: string): string {
  const side = ['batch', 3, 4, 4]
  const path = join(folder, 'means.onnx')
  writeFileSync(
    path,
    model({
      nodes: [
        node('GlobalAveragePool', ['x'], ['pooled'], {}),
        node('Flatten', ['pooled'], ['y'], {}),
      ],
      ...{ initializers: [], domains: [] },
      inputs: [valueInfo('x', 'float32', side)],
      outputs: [valueInfo('y', 'float32', ['batch', 3])],
    }),
  )
  return path
}
