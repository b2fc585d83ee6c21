// Builds the browser files of Molva's front end into snippet/built: bundle, minify, precompress, measure.
// hatch_build.py runs it with the version as argument; it never reaches the network.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { minify } from 'terser';

const here = dirname(fileURLToPath(import.meta.url));
const [version, target = join(here, 'built')] = process.argv.slice(2);

// Brotli bytes; a larger file is a mistake, not a release. The aim for x.js is 1750: whoever adds to it makes
// room first, and lowers this number with every byte that is won.
const LIMITS = { 'x.js': 2430 };

const bundle = async entry => {
  const result = await build({
    entryPoints: [join(here, 'src', entry)],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2017',
    legalComments: 'none',
    define: { BUILD: JSON.stringify(version) },
    logLevel: 'warning',
  });
  const { code } = await minify(result.outputFiles[0].text, {
    ecma: 2017,
    toplevel: true,
    compress: { passes: 3, unsafe_arrows: true, keep_fargs: false, pure_getters: true },
    format: { ascii_only: true },
  });
  return Buffer.from(code + '\n');
};

const compress = plain => ({
  br: brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  }),
  gz: gzipSync(plain, { level: 9 }),
});

const checkSize = (name, size) => {
  if (size > LIMITS[name]) {
    throw new Error(`${name} is ${size} bytes in brotli, over its limit of ${LIMITS[name]}; make it smaller`);
  }
};

mkdirSync(target, { recursive: true });
const files = {};
for (const name of Object.keys(LIMITS)) {
  const plain = await bundle(name);
  const { br, gz } = compress(plain);
  checkSize(name, br.length);
  writeFileSync(join(target, name), plain);
  writeFileSync(join(target, `${name}.br`), br);
  writeFileSync(join(target, `${name}.gz`), gz);
  files[name] = {
    sri: `sha384-${createHash('sha384').update(plain).digest('base64')}`,
    sizes: { plain: plain.length, br: br.length, gz: gz.length },
  };
}
process.stdout.write(JSON.stringify({ version, files }));
