export interface Key {
  readonly id: string
  readonly key: Buffer
}
type Account = Readonly<Record<string, unknown>>
/** An account with its secrets in clear. */
export declare const opened: (keys: ReadonlyArray<Key>, account: Account) => Account
/** An account with all its secrets sealed by the first key. */
export declare const sealed: (keys: ReadonlyArray<Key>, account: Account) => Account
