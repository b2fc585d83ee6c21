import { defineConfig } from 'vite';
import vue from '@vitejs/plugin-vue';

// The page and the snippet share one origin, as they should in production: see docs/install/index.md.
const proxy = { '/r': process.env.MOLVA_URL || 'http://127.0.0.1:8000' };

export default defineConfig({ plugins: [vue()], server: { proxy }, preview: { proxy } });
