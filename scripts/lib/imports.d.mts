/** One line, `path: why`, for every import that goes the wrong way. */
export declare const wrongImports: (src: string) => ReadonlyArray<string>
export declare const wrongScriptImports: (scripts: string) => ReadonlyArray<string>
export declare const wrongBrowserImports: (src: string, entry: string) => ReadonlyArray<string>
/** One line, `a -> b -> a`, for every circle of imports below the folders of `root`. */
export declare const importCircles: (root: string, folders: ReadonlyArray<string>) => ReadonlyArray<string>
