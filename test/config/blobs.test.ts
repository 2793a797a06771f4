/** `fleet.blobs`: what may be chosen, what is refused, and that keys come from the environment and are shown nowhere. */
import { expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import { parseConfig } from '../../src/config/config.ts'
import { secretsOf, withoutSecrets } from '../../src/config/secrets.ts'

const environment = { ACCESS: 'AKIA-of-the-fleet', SECRET: 'open-sesame' }

function blobsOf(blobs: string, redis = 'redis: { url: redis://localhost }') {
  const text = `data_dir: ./data\nmodels: { m: { base: use-lite, labels: [a, b] } }\n${redis}\nfleet: { blobs: ${blobs} }\n`
  return parseConfig(text, '/etc/antikythera', { environment })
}

test('bytes lie in Redis unless something else is said', () => {
  const text = 'data_dir: ./data\nmodels: { m: { base: use-lite, labels: [a, b] } }\n'
  expect(parseConfig(text, '/etc/antikythera').fleet.blobs).toBe('redis')
  expect(blobsOf('redis').fleet.blobs).toBe('redis')
  expect(blobsOf('{ folder: ./shared }').fleet.blobs).toEqual({ folder: '/etc/antikythera/shared' })
})

test('S3 with its defaults, and its keys from the environment', () => {
  const config = blobsOf(
    '{ s3: { bucket: models, access_key_env: ACCESS, secret_key_env: SECRET } }',
  )
  expect(config.fleet.blobs).toMatchObject({
    s3: {
      bucket: 'models',
      prefix: 'antikythera',
      region: 'us-east-1',
      access_key: 'AKIA-of-the-fleet',
      secret_key: 'open-sesame',
    },
  })
  expect(secretsOf(config)).toEqual(expect.arrayContaining(['AKIA-of-the-fleet', 'open-sesame']))
  const shown = JSON.stringify(withoutSecrets(config))
  for (const secret of Object.values(environment)) expect(shown).not.toContain(secret)
})

test.each([
  ['{ s3: { bucket: UPPER } }', ['/fleet/blobs/s3/bucket', 'not the name of a bucket']],
  ['{ s3: { bucket: models, prefix: /a/ } }', ['/fleet/blobs/s3/prefix']],
  ['{ s3: { bucket: models, endpoint: "minio:9000" } }', ['/fleet/blobs/s3/endpoint', 'not a URL']],
  ['{ s3: { bucket: models, endpoint: "https://me:hidden-word@minio" } }', ['not a URL']],
  ['{ s3: { bucket: models, access_key_env: ACCESS } }', ['access_key_env and secret_key_env']],
  [
    '{ s3: { bucket: models, access_key_env: NOWHERE, secret_key_env: SECRET } }',
    ['access_key_env', 'is not set'],
  ],
  ['{ s3: {} }', ['bucket', 'is missing']],
  ['{ s4: {} }', ['/fleet/blobs']],
])('%s is refused', (blobs, words) => {
  const said = refusal(() => blobsOf(blobs))
  for (const word of words) expect(said).toContain(word)
  expect(said).not.toContain('hidden-word')
})

test('another store than Redis needs a fleet', () => {
  expect(refusal(() => blobsOf('{ folder: ./shared }', ''))).toContain('needs the redis section')
})

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof CodedError) return `${error.message} ${JSON.stringify(error.details)}`
    throw error
  }
  throw new Error('it is not refused')
}
