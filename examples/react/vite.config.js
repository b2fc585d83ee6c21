import { defineConfig } from 'vite';
import react from '@vitejs/plugin-react';

// The page and the snippet share one origin, as they should in production: see docs/install/index.md.
const proxy = { '/r': process.env.MOLVA_URL || 'http://127.0.0.1:8000' };

export default defineConfig({ plugins: [react()], server: { proxy }, preview: { proxy } });
