import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Break {
  readonly law: number
  readonly broken: string
  readonly file: string
  readonly find: string
}

const { breaks } = (await import(new URL('./breaks.mjs', import.meta.url).href)) as {
  readonly breaks: readonly Break[]
}

test.each(breaks)('law $law can be broken where break.mjs breaks it: $broken', ({ file, find }) => {
  expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).toContain(find)
})
