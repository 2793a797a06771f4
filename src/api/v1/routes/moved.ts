/** The answer of rollback and promote: the live version, the previous one, and the generation of the move. */
import type { FastifyReply } from 'fastify'
import type { Moved } from '../../../serving/services/moves.ts'
import { nameVersion } from './version-headers.ts'

export function sendMoved(reply: FastifyReply, { pointer, previous }: Moved): FastifyReply {
  const {
    live: { version, digest },
    generation,
  } = pointer
  nameVersion(reply, { version, digest, generation })
  return reply.send({ live: version, version, digest, previous, generation })
}
