export function takeLock(
  path: string,
  options?: { onWait?: (holder: string) => void; waitMs?: number; pollMs?: number },
): Promise<{ release(): void }>
