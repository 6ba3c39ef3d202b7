// The program itself, compiled with the benchmark, so that what is measured is what stands in src.
import "../../src/main.ts"
