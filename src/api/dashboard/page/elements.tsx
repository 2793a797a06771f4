/** Elements that several panels show. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

interface Props {
  readonly title: string
  readonly children: ComponentChildren
  readonly onClose: () => void
}

export function Dialog({ title, children, onClose }: Props) {
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog ref={element} aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  )
}

/**
 * What went wrong with the last thing that a person asked for.
 *
 * Announced to screen readers; '' = nothing.
 */
export function Fault({ message }: { readonly message: string }) {
  if (message === '') return null
  return (
    <p class="bad" role="alert">
      {message}
    </p>
  )
}

/** A message that is cleared when the connection to the daemon, `lost` while it is interrupted, is back. */
export function useFault(lost: unknown) {
  const [fault, setFault] = useState('')
  const isConnected = lost === undefined
  useEffect(() => {
    if (isConnected) setFault('')
  }, [isConnected])
  return [fault, setFault] as const
}

interface HeadProps {
  readonly columns: readonly string[]
  readonly numbers: readonly string[]
}

const meanings: Readonly<Record<string, string>> = {
  found: 'share of its examples that were answered with it (recall)',
  precision: 'share of these answers that were right',
}

/** Numbers stand on the right. */
export function Head({ columns, numbers }: HeadProps) {
  return (
    <thead>
      <tr>
        {columns.map((name) => (
          <th scope="col" key={name} title={meanings[name]}>
            {name}
          </th>
        ))}
        {numbers.map((name) => (
          <th scope="col" class="right" key={name} title={meanings[name]}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  )
}

export function Bar({ value }: { readonly value: number }) {
  return (
    <svg class="bar" viewBox="0 0 60 8" aria-hidden="true">
      <rect class="track" width="60" height="8" rx="4" />
      <rect class="fill" width={60 * Math.min(1, Math.max(0, value))} height="8" rx="4" />
    </svg>
  )
}

interface PagerProps {
  /** The `before` of each page up to this one, without the first: the newest entries. */
  readonly before: readonly string[]
  readonly next: string | undefined
  readonly onTurn: (before: readonly string[]) => void
}

/** The buttons below a page of a list. */
export function Pager({ before, next, onTurn }: PagerProps) {
  return (
    <div class="pages">
      <button
        class="small"
        disabled={before.length === 0}
        onClick={() => onTurn(before.slice(0, -1))}
      >
        Newer
      </button>
      <button
        class="small"
        disabled={next === undefined}
        onClick={() => next !== undefined && onTurn([...before, next])}
      >
        Older
      </button>
    </div>
  )
}
