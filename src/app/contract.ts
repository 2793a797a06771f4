/**
 * A daemon and its configuration as a program that embeds them sees them. The types stand alone: a declaration that reached the
 * parts of the daemon would make every program check those of its dependencies.
 */

/** Complete and checked. Made by `parseConfig` or `readConfig`; more of its keys than these may change with a release. */
export interface EmbeddedConfig {
  readonly data_dir: string
  readonly server: { readonly host: string; readonly port: number }
  readonly models: Readonly<Record<string, object>>
}

export interface Daemon<Config = EmbeddedConfig> {
  readonly url: string
  /**
   * Resolves when every model answers, or never will: to the names of those. Rejects with `SHUTTING_DOWN` if it is closed
   * before.
   */
  ready(): Promise<readonly string[]>
  /** Applies the changes that are possible at run time; the others are logged and ignored. */
  reload(next: Config): void
  /** Drains the server, stops the trainers, saves. Idempotent. */
  close(): Promise<void>
}
