/**
 * Draws the recorded table of each case, which is the first block of code without a language in its README.md, as `table.svg` beside
 * it: the lines as they were printed, and a bar behind each share.
 *
 *   node deploy/examples/pictures.mjs
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
/** Of one character and one line, in pixels. */
const [WIDTH, HEIGHT, EDGE] = [8.43, 22, 16]
const SHARE = /(\d+(?:\.\d+)?) %/g
/** What a full bar is wide, in characters. */
const FULL = 8

/** The picture for the text of a README.md. */
export function pictureOf(page) {
  const [, block] = /\n```\n([^]*?)\n```/.exec(page) ?? []
  if (block === undefined) throw new Error('the page has no block of recorded lines')
  const lines = block.split('\n')
  const width = Math.ceil(2 * EDGE + WIDTH * Math.max(...lines.map((line) => line.length)))
  const height = 2 * EDGE + HEIGHT * lines.length
  const drawn = lines.flatMap((line, at) => {
    const top = EDGE + HEIGHT * at
    return [...barsOf(line, top), ...textsOf(line, top, at === 0)]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" rx="8" fill="#fff" stroke="#d0d7de"/>`,
    '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" fill="#1f2328">',
    ...drawn,
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

/** Each column at its place, whatever the font. */
function textsOf(line, top, isTitle) {
  return [...line.matchAll(/\S+(?: \S+)*/g)].map(({ 0: text, index }) => {
    const left = (EDGE + WIDTH * index).toFixed(1)
    const length = (WIDTH * text.length).toFixed(1)
    const bold = isTitle ? ' font-weight="bold"' : ''
    return `<text x="${left}" y="${top + 15}" textLength="${length}"${bold}>${escaped(text)}</text>`
  })
}

/** Each ends where its number ends. */
function barsOf(line, top) {
  return [...line.matchAll(SHARE)].flatMap(({ 0: shown, 1: percent, index }) => {
    const wide = (WIDTH * FULL * Math.min(100, Number(percent))) / 100
    if (wide === 0) return []
    const left = EDGE + WIDTH * (index + shown.length) - wide
    return [
      `<rect x="${left.toFixed(1)}" y="${top + 1}" width="${wide.toFixed(1)}" height="${HEIGHT - 3}" rx="2" fill="#b6e3c1"/>`,
    ]
  })
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const name of readdirSync(folder)) {
    const page = join(folder, name, 'README.md')
    if (!existsSync(page)) continue
    writeFileSync(join(folder, name, 'table.svg'), pictureOf(readFileSync(page, 'utf8')))
  }
