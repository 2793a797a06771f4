/** Who did what, with which key. Asked for when a person opens it. */
import { useState } from 'preact/hooks'
import type { AuditPage } from '../../../client/answers.ts'
import { textOf } from './client.tsx'
import { clockTime } from './format.tsx'
import { useFresh } from './fresh.tsx'

/** `changed`: something was done since. */
export function AuditPanel({ changed }: { readonly changed: unknown }) {
  const [isOpen, setIsOpen] = useState(false)
  const [before, setBefore] = useState<readonly string[]>([])
  const from = before.at(-1)
  const { answer, error } = useFresh<AuditPage>(
    isOpen ? `v1/audit?limit=8${from === undefined ? '' : `&before=${from}`}` : undefined,
    changed,
  )
  const { next } = answer ?? {}
  return (
    <section aria-labelledby="audit-title">
      <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>
          <h2 id="audit-title">Audit log</h2>
        </summary>
        {error !== undefined && <p class="bad">{textOf(error)}</p>}
        {answer?.records.length === 0 && <p class="note">Nothing has been done yet.</p>}
        <ul class="plain">
          {answer?.records.map(({ time, key, method, path, status, code, body, request }) => (
            <li key={`${time} ${request}`}>
              <time dateTime={time}>{clockTime(time)}</time> <b>{key}</b>{' '}
              <code>
                {method} {path}
              </code>{' '}
              <small class={status < 400 ? '' : 'bad'}>{code ?? status}</small>
              {typeof body?.reason === 'string' && <small> “{body.reason}”</small>}
            </li>
          ))}
        </ul>
        <div class="pages">
          <button
            class="small"
            disabled={before.length === 0}
            onClick={() => setBefore(before.slice(0, -1))}
          >
            Newer
          </button>
          <button
            class="small"
            disabled={next === undefined}
            onClick={() => next !== undefined && setBefore([...before, next])}
          >
            Older
          </button>
        </div>
      </details>
    </section>
  )
}
