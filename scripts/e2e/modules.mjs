// What npm has installed for the tests of clients.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../clients/rig.mjs', import.meta.url));
export const { chromium } = require('playwright-core');
export const { WebSocket } = require('ws');
