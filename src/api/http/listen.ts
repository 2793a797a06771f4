/** Binds the address, and converts the system's refusals to our codes. */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../platform/errors.ts'

export interface Address {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
}

export interface Listening extends Address {
  readonly url: string
}

export async function listen(app: FastifyInstance, { host, port }: Address): Promise<Listening> {
  try {
    const url = await app.listen({ host, port })
    return { host, port: Number(new URL(url).port), url }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const options = { details: { host, port }, cause: error }
    if (code === 'EADDRINUSE')
      throw failure('PORT_IN_USE', `another process listens on ${host}:${port}`, options)
    throw failure('ADDRESS_UNUSABLE', `cannot listen on ${host}:${port}: ${code ?? ''}`, options)
  }
}
