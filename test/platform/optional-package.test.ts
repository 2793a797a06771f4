/** What needs a package that npm may leave out says so, with its name and the command that installs it. */
import { Module } from 'node:module'
import { afterEach, expect, test, vi } from 'vitest'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { CodedError } from '../../src/contracts/core.ts'
import { fixOf } from '../../src/platform/errors.ts'
import { openBlobPlace } from '../../src/versions/blobs/open.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

type Load = (name: string, ...rest: unknown[]) => unknown

const openStore = (): unknown =>
  openBlobPlace({ s3: { bucket: 'models', region: 'eu-central-1', prefix: 'antikythera' } })

/** Node's own loader, which fails for this package. */
function failLoading(name: string, error: Error): void {
  const loader = Module as unknown as { _load: Load }
  const load = loader._load
  vi.spyOn(loader, '_load').mockImplementation((asked, ...rest) => {
    if (asked === name) throw error
    return load(asked, ...rest)
  })
}

const absent = (name: string) =>
  Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' })

async function failureOf(act: () => unknown): Promise<CodedError> {
  const error: unknown = await (async () => act())().catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(CodedError)
  return error as CodedError
}

test.each([
  ['@aws-sdk/client-s3', 'a store in S3 needs', openStore],
  ['@tensorflow/tfjs-backend-wasm', 'wasm asks for it; WebAssembly needs', openTensorFlow],
])('without %s the error names it and how to install it', async (name, user, open) => {
  vi.stubEnv('ANTIKYTHERA_NATIVE', 'wasm')
  failLoading(name, absent(name))
  const error = await failureOf(open)
  expect(error).toMatchObject({ code: 'PACKAGE_MISSING', details: { package: name } })
  expect(error.message).toContain(`${user} the npm package ${name}, which is not installed`)
  expect(fixOf(error)).toContain('npm install --include=optional')
})

test('a package that is there and fails says itself what is wrong', () => {
  failLoading('@aws-sdk/client-s3', new Error('needs Node 30'))
  expect(openStore).toThrow('needs Node 30')
})
