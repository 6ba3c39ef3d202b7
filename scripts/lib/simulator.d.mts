export interface Account {
  readonly account_id: string
  readonly user_id: string
  readonly api_key: string
  readonly api_secret: string
  readonly root: string
  readonly ws_root: string
  /** The users who may trade with it. */
  readonly owners?: ReadonlyArray<string>
}
/** The file that the platform reads, the simulator's, which has the spare account too, and that account. */
export declare const writeAccounts: (
  data: string,
  port: number,
  wish?: { readonly given?: string | undefined; readonly count?: number | undefined; readonly owners?: ReadonlyArray<string> }
) => { readonly file: string; readonly simulatorFile: string; readonly spare: Account }
