/**
 * Limits connections. A client that opens connections and sends nothing must not lock out others: when all slots are
 * taken, the connection that has been idle longest is closed for the new one. If every other connection has a request
 * in flight, the new one gets one of a few slots reserved for probes, which serve nothing else.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../contracts/core.ts'

export interface ConnectionsOptions {
  /** Slots for all requests; beyond them only probes. */
  readonly most: number
  readonly reserve: number
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Called for each connection that was closed to make room. */
  readonly onEvicted: () => void
}

/** A client that has just connected is about to send a request. */
const GRACE_MS = 250

export class Connections {
  readonly #options: ConnectionsOptions
  /** Requests in flight. */
  readonly #slots = new Map<Socket, number>()
  readonly #reserve = new Map<Socket, number>()
  /** Since when it is idle, the longest first. */
  readonly #idle = new Map<Socket, number>()

  constructor(server: Server, options: ConnectionsOptions) {
    this.#options = options
    // Never reached: a new connection makes room first.
    server.maxConnections = options.most + options.reserve + 1
    server.on('connection', (socket: Socket) => this.#opened(socket))
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#asked(request.socket, response)
    })
  }

  /** Whether it arrived when there was no slot: only probes are answered on it, and it ends with its answer. */
  isReserve(socket: Socket): boolean {
    return this.#reserve.has(socket)
  }

  count(): number {
    return this.#slots.size + this.#reserve.size
  }

  #opened(socket: Socket): void {
    const { most, reserve } = this.#options
    const hasSlot = this.#slots.size < most || this.#evict(this.#slots, GRACE_MS)
    if (!hasSlot && this.#reserve.size >= reserve && !this.#evict(this.#reserve, 0)) {
      socket.destroy()
      return
    }
    const place = hasSlot ? this.#slots : this.#reserve
    place.set(socket, 0)
    this.#rest(socket)
    socket.once('close', () => this.#forget(socket))
  }

  #asked(socket: Socket, response: ServerResponse): void {
    const place = this.#placeOf(socket)
    if (place === undefined) return
    place.set(socket, (place.get(socket) ?? 0) + 1)
    this.#idle.delete(socket)
    response.once('close', () => this.#answered(socket))
  }

  #answered(socket: Socket): void {
    const place = this.#placeOf(socket)
    if (place === undefined) return
    const left = (place.get(socket) ?? 1) - 1
    place.set(socket, left)
    if (left === 0) this.#rest(socket)
  }

  #rest(socket: Socket): void {
    this.#idle.delete(socket)
    this.#idle.set(socket, this.#options.clock.monotonicMs())
  }

  #placeOf(socket: Socket): Map<Socket, number> | undefined {
    return [this.#slots, this.#reserve].find((place) => place.has(socket))
  }

  /** Closes the connection of `place` that has been idle longest, if it has been idle for long enough. */
  #evict(place: ReadonlyMap<Socket, number>, leastMs: number): boolean {
    const untilMs = this.#options.clock.monotonicMs() - leastMs
    for (const [socket, sinceMs] of this.#idle) {
      if (sinceMs > untilMs) return false
      if (!place.has(socket)) continue
      this.#forget(socket)
      socket.destroy()
      this.#options.onEvicted()
      return true
    }
    return false
  }

  #forget(socket: Socket): void {
    for (const map of [this.#slots, this.#reserve, this.#idle]) map.delete(socket)
  }
}
