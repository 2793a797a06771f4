/**
 * Compiles the schema of requests and answers once each, however many routes have it: Fastify compiles the error of every route,
 * and all of them again for another server in the same process. The compilers are Fastify's own.
 */
import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Factories = NonNullable<
  NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']
>
type BuildValidator = NonNullable<Factories['buildValidator']>
type BuildSerializer = NonNullable<Factories['buildSerializer']>

const require = createRequire(import.meta.url)
/** They come with Fastify, in the versions that it wants. */
const requireBesideFastify = createRequire(require.resolve('fastify'))
const validators = requireBesideFastify('@fastify/ajv-compiler') as () => BuildValidator
const serializers = requireBesideFastify(
  '@fastify/fast-json-stringify-compiler',
) as () => BuildSerializer

export const schemaCompilers: Factories = {
  // It knows the schemas that it has compiled.
  buildValidator: validators(),
  buildSerializer: once(serializers()),
}

function once(build: BuildSerializer): BuildSerializer {
  return (shared, options) => {
    const compile = build(shared, options)
    return (route) => {
      const schema = route.schema as object
      const serializer = compiled.get(schema) ?? compile(route)
      compiled.set(schema, serializer)
      return serializer
    }
  }
}

const compiled = new WeakMap<object, ReturnType<ReturnType<BuildSerializer>>>()
