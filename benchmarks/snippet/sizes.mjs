// Measures script files for sizes.py: as they are and minified again, each plain, in gzip and in brotli.
// Reads a JSON list of {path, module} on stdin, writes a list of sizes in the same order. Terser is the build's own.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { minify } from 'terser';

const measure = bytes => ({
  raw: bytes.length,
  gz: gzipSync(bytes, { level: 9 }).length,
  br: brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  }).length,
});

const sizes = [];
for (const { path, module } of JSON.parse(readFileSync(0, 'utf8'))) {
  const bytes = readFileSync(path);
  const { code } = await minify(bytes.toString('utf8'), { module, compress: { passes: 3 }, sourceMap: false });
  sizes.push({ shipped: measure(bytes), minified: measure(Buffer.from(code)) });
}
process.stdout.write(JSON.stringify(sizes));
