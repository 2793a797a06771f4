/**
 * One route of v1: its schemas describe it in /openapi.json, check what comes in, and are the types of what its handler gets
 * and answers.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { Type, type Static, type TSchema } from 'typebox'
import type { Answer } from '../../client/schemas/parts.ts'
import { defined } from '../../platform/defined.ts'
import type { RouteRole } from '../../platform/access/keys.ts'
import { problems } from '../http/problem.ts'

interface Route<
  Path extends string,
  Query extends TSchema,
  Body extends TSchema,
  Written extends TSchema,
> {
  readonly summary: string
  readonly description?: string
  readonly tag: 'predictions' | 'models' | 'versions' | 'learning' | 'dead letters' | 'operations'
  readonly role: RouteRole
  /** Absent: each part of the path with a name is any string. */
  readonly params?: TSchema
  /** For the description alone. */
  readonly headers?: TSchema
  readonly query?: Query
  readonly body?: Body
  readonly answer: Written
  /** 202: a command, carried out later. */
  readonly status?: 202
  /** Answers with other statuses. */
  readonly others?: Readonly<Record<number, TSchema>>
  readonly options?: Partial<RouteOptions>
  handle(
    request: FastifyRequest<{
      Params: Readonly<Record<NameIn<Path>, string>>
      Querystring: Static<Query>
      Body: Static<Body>
    }>,
    reply: FastifyReply,
  ): Sent<Written> | Promise<Sent<Written>>
}

/** A reply that the handler has sent itself is no value to check. */
type Sent<Schema extends TSchema> = Answer<Schema> | FastifyReply

type NameIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NameIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

export function addRoute<
  const Path extends string,
  Query extends TSchema,
  Body extends TSchema,
  Written extends TSchema,
>(
  app: FastifyInstance,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: Path,
  route: Route<Path, Query, Body, Written>,
): void {
  const { summary, description, tag, role, headers, query, body, answer, others, status } = route
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, Type.String()] as const)
  const { params = names.length > 0 ? Type.Object(Object.fromEntries(names)) : undefined } = route
  app.route({
    ...{ method, url },
    schema: {
      ...{ summary, tags: [tag] },
      ...defined({ description, params, headers, querystring: query, body }),
      response: { ...others, [status ?? 200]: answer, ...problems },
    },
    ...route.options,
    config: { ...route.options?.config, role },
    handler: async (request, reply) => {
      if (status !== undefined) void reply.code(status)
      return route.handle(request as Parameters<typeof route.handle>[0], reply)
    },
  })
}
