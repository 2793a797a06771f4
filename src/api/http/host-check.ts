/**
 * Against DNS rebinding: a page on the web makes its own name mean 127.0.0.1, and the browser of its reader sends requests to
 * the daemon on that machine. They carry the page's name as Host, so that a daemon without auth answers to its own names alone.
 */
import { failure } from '../../platform/errors.ts'

/** Throws `HOST_REFUSED`. `names`: hosts without a port; none = every name is answered. */
export function hostGuard(names: readonly string[]): (host: string | undefined) => void {
  const known = new Set(names.map((name) => name.toLowerCase()))
  return (header) => {
    // A browser always sends one.
    if (known.size === 0 || header === undefined) return
    const host = nameIn(header)
    if (known.has(host) || LOOPBACK.test(host)) return
    const shown = JSON.stringify(header.slice(0, 100))
    throw failure('HOST_REFUSED', `this server does not answer for the host ${shown}`, {
      details: { hosts: ['localhost', ...known] },
    })
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Without its port, and without the dot that ends a full name. */
function nameIn(header: string): string {
  return header.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}
