export declare const mint: (wish: {
  readonly user: string
  readonly role?: string
  readonly expires?: string
  readonly secret: string
  readonly issuer?: string
  readonly audience?: string
}) => string
