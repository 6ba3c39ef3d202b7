/** One line, `path: why`, for every import that goes the wrong way. */
export declare const wrongImports: (src: string) => ReadonlyArray<string>
export declare const wrongScriptImports: (scripts: string) => ReadonlyArray<string>
export declare const wrongBrowserImports: (src: string, entry: string) => ReadonlyArray<string>
